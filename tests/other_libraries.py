"""What other libraries make of a checkpoint of bytes: `other_libraries.py tokenizers|safetensors FOLDER`."""

import pathlib
import sys


def check_tokenizer(folder):
    """Ids are bytes, and text comes back."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == 256
    texts = ["", "plain text", "d\u00e9j\u00e0 vu \U0001f999\n\n\tx  1", "\u0100\u0120\u010a\u00a0\u00ad", "\u65e5\u672c\u8a9e"]
    texts.append("".join(map(chr, range(0x0, 0x180))))
    texts.append("a" * 1000 + " " * 1000)
    for text in texts:
        ids = tokenizer.encode(text).ids
        assert ids == list(text.encode()), (text, ids)
        assert tokenizer.decode(ids, skip_special_tokens=False) == text, text
    # Every byte is a token; what the encoder gives of all valid text covers all but those that
    # UTF-8 never has, and these have their ids in the vocabulary.
    assert sorted(tokenizer.get_vocab().values()) == list(range(256))
    for lead in range(0x00, 0x110000, 0x35):
        if not 0xD800 <= lead <= 0xDFFF:
            assert tokenizer.encode(chr(lead)).ids == list(chr(lead).encode()), hex(lead)


def check_weights(folder):
    """The hashes in the file are those of its tensors, and their library opens it."""
    from safetensors import safe_open

    for name in ("model.safetensors", "optimizer.safetensors"):
        with safe_open(str(folder / name), framework="np") as file:
            assert "weft.xxh3" in file.metadata(), file.metadata()
            assert all(file.get_tensor(key).shape is not None for key in file.keys())
    with safe_open(str(folder / "model.safetensors"), framework="np") as file:
        assert file.metadata()["format"] == "pt"


if __name__ == "__main__":
    {"tokenizers": check_tokenizer, "safetensors": check_weights}[sys.argv[1]](
        pathlib.Path(sys.argv[2])
    )
