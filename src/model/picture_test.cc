#include "model/picture.h"

#include <algorithm>

#include "model/config_toml.h"
#include "model/designs.h"
#include "model/picture_links.h"
#include "model/picture_text.h"
#include "model/svg.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

// Reads XML as far as the picture needs it: elements that close in order, attributes in quotes and
// once each, no bare < or &. Returns what is wrong, "" for a well-formed document.
class XmlChecker {
 public:
  explicit XmlChecker(std::string_view text) : text_(text) {}

  std::string operator()() {
    while (wrong_.empty() && at_ < text_.size()) {
      if (text_[at_] == '<') {
        tag();
      } else {
        const bool blank = std::isspace(static_cast<unsigned char>(text_[at_])) != 0;
        if (open_.empty() && !blank) fail("text outside the root");
        character();
      }
    }
    if (wrong_.empty() && (!open_.empty() || roots_ != 1)) wrong_ = "not one closed root";
    return wrong_;
  }
  int count(const std::string& element) const {
    return static_cast<int>(std::count(seen_.begin(), seen_.end(), element));
  }

 private:
  void fail(const std::string& what) {
    if (wrong_.empty()) wrong_ = what + " at " + std::string(text_.substr(at_, 60));
  }
  void character() {
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c < 0x20 && c != '\n' && c != '\t') return fail("a control character");
    if (c == '&') return entity();
    ++at_;
  }
  void entity() {
    for (const char* e : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}) {
      if (text_.substr(at_).starts_with(e)) {
        at_ += std::string_view(e).size();
        return;
      }
    }
    fail("an unknown entity");
  }
  std::string name() {
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '-' || text_[at_] == ':')) {
      ++at_;
    }
    if (at_ == begin) fail("no name");
    return std::string(text_.substr(begin, at_ - begin));
  }
  bool take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  void tag() {
    if (take("</")) {
      const std::string element = name();
      if (open_.empty() || open_.back() != element || !take(">")) return fail("a wrong end");
      return open_.pop_back();
    }
    take("<");
    const std::string element = name();
    seen_.push_back(element);
    if (open_.empty()) ++roots_;
    std::vector<std::string> attributes;
    while (take(" ")) {
      if (text_[at_] == '/') break;
      attributes.push_back(name());
      if (std::count(attributes.begin(), attributes.end(), attributes.back()) > 1) {
        return fail("an attribute twice");
      }
      if (!take("=\"")) return fail("no quoted value");
      while (wrong_.empty() && at_ < text_.size() && text_[at_] != '"') {
        text_[at_] == '<' ? fail("< in an attribute") : character();
      }
      take("\"");
      if (!wrong_.empty()) return;
    }
    if (take("/>")) return;
    if (!take(">")) return fail("an unfinished tag");
    open_.push_back(element);
  }

  std::string_view text_;
  size_t at_ = 0;
  int roots_ = 0;
  std::vector<std::string> open_, seen_;
  std::string wrong_;
};

std::string picture_of(const ModelConfig& c, const Axes& axes = Axes()) {
  const Layout layout = derive_layout(c, axes);
  return wiring_picture(c, layout, explain(c, layout, 0, 2, axes));
}

int curves(const std::string& svg) {
  XmlChecker check(svg);
  EXPECT_EQ(check(), "");
  return check.count("path");
}

TEST(XmlCheckerTest, NoticesWhatIsWrong) {
  for (const char* good : {"<a/>", "<a><b c=\"d\"/>x &amp; y</a>\n", "<a b=\"&lt;\" c=\"\"/>"}) {
    EXPECT_EQ(XmlChecker(good)(), "") << good;
  }
  for (const char* bad : {"", "<a>", "<a></b>", "<a/><b/>", "<a b=c/>", "<a b=\"<\"/>", "<a>&</a>",
                          "<a b=\"1\" b=\"2\"/>", "x<a/>", "<a>\x01</a>", "<a"}) {
    EXPECT_NE(XmlChecker(bad)(), "") << bad;
  }
}

TEST(Svg, TextsAreEscaped) {
  EXPECT_EQ(xml_escaped("<a & \"b\">'"), "&lt;a &amp; &quot;b&quot;&gt;&#39;");
  EXPECT_EQ(xml_escaped("\x01\xff é"), "\ufffd\ufffd é");
  EXPECT_EQ(xml_escaped("\xef\xbf\xbf"), "?");
  Svg svg;
  svg.arc(0, 0, 10, 0, 5, "class=\"link\"", "</title>");
  svg.text(1, 2, "<script>", "class=\"ink\"");
  const std::string document = svg.document(10, 10, "a<b", "\"", "a>b{}");
  EXPECT_EQ(XmlChecker(document)(), "");
  EXPECT_EQ(document.find("<script"), std::string::npos);
}

TEST(Picture, EveryDesignOfEveryDepthIsWellFormed) {
  for (const Design& d : designs()) {
    for (const int64_t layers : {1, 2, 6, 48}) {
      io::Value table;
      table.at("design").data = std::string(d.name);
      table.at("layers").data = layers;
      const std::string svg = picture_of(read_model(table));
      XmlChecker check(svg);
      EXPECT_EQ(check(), "") << d.name;
      EXPECT_NE(svg.find(d.name), std::string::npos);
      EXPECT_EQ(svg.find("nan"), std::string::npos) << d.name;
      EXPECT_EQ(svg.find("inf"), std::string::npos) << d.name;
      EXPECT_EQ(svg.find("http", svg.find("xmlns") + 40), std::string::npos)
          << "not self-contained";
    }
  }
}

TEST(Picture, ACurveForEveryReader) {
  const ModelConfig c = plain({6, 4, 16, 8, 11});
  EXPECT_EQ(curves(picture_of(c)), 0);
  EXPECT_EQ(curves(picture_of(with(c, "value-residual"))), 5);
  EXPECT_EQ(curves(picture_of(with(c, "shared-value"))), 5);
  EXPECT_EQ(curves(picture_of(with(c, "skip-kv"))), 10);  // keys and values
  EXPECT_EQ(curves(picture_of(with(c, "skipv1", {{"fraction", 0.25}}))), 5);
}

TEST(Picture, FurtherKeysAndValuesStandBesideTheOwn) {
  const ModelConfig c = with(plain({3, 2, 16, 8, 11}), "cross-layer");
  const std::string svg = picture_of(c);
  EXPECT_EQ(curves(svg), 4);  // keys and values of two layers
  EXPECT_NE(svg.find(borrowed_look(layer_colour(0, 3))), std::string::npos);
  EXPECT_NE(svg.find("attended to beside"), std::string::npos);
}

TEST(Picture, BorrowedHeadsHaveTheColourOfTheirLayer) {
  const ModelConfig c = with(plain({3, 2, 16, 8, 11}), "shared-value");
  const std::string svg = picture_of(c), borrowed = borrowed_look(layer_colour(0, 3));
  size_t n = 0;
  for (size_t at = svg.find(borrowed); at != std::string::npos; at = svg.find(borrowed, at + 1))
    ++n;
  EXPECT_EQ(n, 2u * 2 + 1);  // two layers of two heads, and the legend
  EXPECT_EQ(svg.find(borrowed_look(layer_colour(1, 3))), std::string::npos);
}

TEST(Picture, WiderCurvesForLargerCoefficients) {
  constexpr double grid = 90;  // pixels from layer to layer
  EXPECT_NE(link_look({.weight = 0.5}, grid), link_look({.weight = 1}, grid));
  EXPECT_NE(link_look({.learned = true}, grid).find("dasharray"), std::string::npos);
  EXPECT_EQ(link_look({}, grid).find("dasharray"), std::string::npos);
  const auto width = [&](double weight) {
    const std::string look = link_look({.weight = weight}, grid);
    return std::stod(look.substr(look.find("stroke-width=\"") + 14));
  };
  EXPECT_LT(width(0), width(0.5));
  EXPECT_LT(width(0.5), width(1));
  EXPECT_LT(width(1), width(5));
}

// Attributes of every element of a name: "stroke-width" of every "path".
std::vector<std::string> attributes(const std::string& svg, const std::string& element,
                                    const std::string& name) {
  std::vector<std::string> values;
  for (size_t at = 0; (at = svg.find("<" + element + " ", at)) != std::string::npos; ++at) {
    const std::string tag = svg.substr(at, svg.find('>', at) - at);
    const size_t value = tag.find(" " + name + "=\"");
    if (value == std::string::npos) continue;
    const size_t begin = value + name.size() + 3;
    values.push_back(tag.substr(begin, tag.find('"', begin) - begin));
  }
  return values;
}

ModelConfig with_own_mix(ModelConfig c, const std::string& name, std::vector<MixTermConfig> terms) {
  MixConfig mix;
  mix.name = name;
  mix.to = "v[1..]";
  mix.terms = std::move(terms);
  c.mixes.push_back(std::move(mix));
  return c;
}

const std::vector<MixTermConfig> kFromZero = {
    {.from = "v[l]"}, {.from = "v[l-1]", .gain = 0, .learn = true, .raw = true}};

TEST(Picture, TheTitleNamesTheFileTheDesignAndTheMixes) {
  const ModelConfig c = with_own_mix(plain({4, 2, 16, 8, 11}), "back", kFromZero);
  const Layout layout = derive_layout(c);
  const Explanation e = explain(c, layout, 0, 2);
  const auto title = [](const std::string& svg) {
    const size_t at = svg.find("title\">") + 7;
    return svg.substr(at, svg.find('<', at) - at);
  };
  EXPECT_EQ(title(wiring_picture(c, layout, e)), c.design + " + back");
  EXPECT_EQ(title(wiring_picture(c, layout, e, {"idea", false})), "idea: " + c.design + " + back");
  const ModelConfig plain_one = plain({4, 2, 16, 8, 11});
  EXPECT_EQ(title(picture_of(plain_one)), plain_one.design);
}

TEST(Picture, WhatBeginsAtZeroIsDrawn) {
  const ModelConfig c = with_own_mix(plain({4, 2, 16, 8, 11}), "back", kFromZero);
  const std::string svg = picture_of(c);
  const std::vector<std::string> widths = attributes(svg, "path", "stroke-width");
  ASSERT_EQ(widths.size(), 3u);
  for (const std::string& width : widths) EXPECT_GE(std::stod(width), 1.2);
  for (const std::string& o : attributes(svg, "path", "stroke-opacity")) {
    EXPECT_GE(std::stod(o), 0.8);
  }
  // A part of each of the six mixed heads, and a ring where each curve arrives and in the legend.
  for (const int source : {0, 1, 2}) {
    EXPECT_NE(svg.find(borrowed_look(layer_colour(source, 4))), std::string::npos) << source;
  }
  const std::vector<std::string> looks = attributes(svg, "circle", "class");
  EXPECT_EQ(std::count(looks.begin(), looks.end(), "ring"), 3 + 1);
  EXPECT_NE(svg.find("learned from 0 on"), std::string::npos);
  // Beside one that does not.
  const std::string begun = picture_of(with_own_mix(
      plain({4, 2, 16, 8, 11}), "back",
      {{.from = "v[l]"}, {.from = "v[l-1]", .gain = 0.5, .learn = true, .raw = true}}));
  EXPECT_TRUE(attributes(begun, "circle", "class").empty());
  EXPECT_EQ(begun.find("learned from 0 on"), std::string::npos);
}

TEST(Picture, LearnedCoefficientsStandInRows) {
  ModelConfig c =
      with(plain({4, 2, 16, 8, 11}), "value-residual", {{"variant", std::string("learnable")}});
  Layout layout = derive_layout(c);
  const Explanation e = explain(c, layout, 0, 2);
  const auto numbers = [](const std::string& svg, const std::string& number) {
    const std::string text = "class=\"gain\" text-anchor=\"middle\">" + number + "<";
    int n = 0;
    for (size_t at = 0; (at = svg.find(text, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  const std::string first = wiring_picture(c, layout, e);
  EXPECT_NE(first.find("v ← v[0]"), std::string::npos);
  EXPECT_NE(first.find("v ← v[l]"), std::string::npos);
  EXPECT_EQ(numbers(first, "0.5"), 6);
  EXPECT_NE(first.find("where it begins"), std::string::npos);
  ASSERT_EQ(layout.gain_tensors.size(), 1u);
  layout.gain_tensors[0].init = {0.25, 0.75, -0.3, 1, 2, 0.001};
  const std::string later = wiring_picture(c, layout, e, {"run", true});
  EXPECT_EQ(XmlChecker(later)(), "");
  for (const char* number : {"0.25", "0.75", "-0.3", "1", "2", "1e-3"}) {
    EXPECT_EQ(numbers(later, number), 1) << number;
  }
  EXPECT_EQ(later.find("where it begins"), std::string::npos);
  EXPECT_NE(later.find("that was learned"), std::string::npos);
}

TEST(Picture, ComplementsLookLikeThemselves) {
  const std::string svg = picture_of(with_own_mix(
      plain({4, 2, 16, 8, 11}), "lerp",
      {{.from = "v[l]", .gain = 0.3, .learn = true}, {.from = "v[0]", .complement = true}}));
  EXPECT_NE(svg.find("v[l] = (0.3) v[l] + (1-0.3) v[0]"), std::string::npos) << svg;
  EXPECT_NE(svg.find("v ← (1-g) v[0]"), std::string::npos);
  EXPECT_NE(svg.find(">0.7<"), std::string::npos);
  EXPECT_NE(svg.find("one minus the gain"), std::string::npos);
  EXPECT_NE(link_look({.learned = true, .complement = true}, 90), link_look({.learned = true}, 90));
}

TEST(Picture, DeepModelsAreFolded) {
  for (const int64_t layers : {25, 48, 96, 200}) {
    for (const char* wiring : {"value-residual", "skip-kv", "dense", "neutreno", "cross-layer"}) {
      const std::string svg = picture_of(with(plain({layers, 4, 16, 8, 11}), wiring));
      EXPECT_EQ(XmlChecker(svg)(), "") << wiring;
      const std::vector<std::string> width = attributes(svg, "svg", "width");
      ASSERT_EQ(width.size(), 1u);
      EXPECT_LE(std::stod(width[0]), 1450) << layers << " " << wiring;
      // Every layer has its number.
      for (int64_t l = 0; l < layers; ++l) {
        EXPECT_NE(svg.find("small\" text-anchor=\"middle\">" + std::to_string(l) + "<"),
                  std::string::npos)
            << l;
      }
    }
  }
  // A curve for every reader, whatever row it stands in: what is above is a mark in the gutter.
  const std::string svg = picture_of(with(plain({48, 4, 16, 8, 11}), "value-residual"));
  EXPECT_EQ(curves(svg), 47);
  EXPECT_NE(svg.find("class=\"guest\" text-anchor=\"middle\">0<"), std::string::npos);
  EXPECT_EQ(picture_of(with(plain({24, 4, 16, 8, 11}), "value-residual")).find("\"guest\""),
            std::string::npos);
}

/// Texts that leave the page, as far as their lengths can be known without a font.
std::string cut_texts(const std::string& svg) {
  const double width = std::stod(attributes(svg, "svg", "width").at(0));
  std::string cut;
  for (size_t at = 0; (at = svg.find("<text ", at)) != std::string::npos; ++at) {
    const std::string tag = svg.substr(at, svg.find('>', at) - at);
    const size_t begin = at + tag.size() + 1;
    const std::string text = svg.substr(begin, svg.find('<', begin) - begin);
    const double x = std::stod(tag.substr(tag.find("x=\"") + 3));
    const PictureFace& face = tag.find("title") != tag.npos   ? kTitleFace
                              : tag.find("label") != tag.npos ? kLabelFace
                              : tag.find("mono") != tag.npos  ? kMonoFace
                                                              : kSmallFace;
    const double wide = width_of(text, face);
    const bool end = tag.find("\"end\"") != tag.npos, middle = tag.find("\"middle\"") != tag.npos;
    const double left = end ? x - wide : middle ? x - wide / 2 : x;
    if (left < 0 || left + wide > width) cut += text + "\n";
  }
  return cut;
}

TEST(Picture, TextsStayOnThePage) {
  const std::string word(300, 'w');
  for (const int64_t layers : {2, 4, 60}) {
    ModelConfig c =
        with(with_own_mix(plain({layers, 8, 16, 8, 11}), word.substr(0, 64), kFromZero), "dense");
    for (size_t l = 0; l < c.layer.size(); ++l) c.layer[l].window = static_cast<int64_t>(l) * 100;
    const Layout layout = derive_layout(c);
    const std::string svg =
        wiring_picture(c, layout, explain(c, layout, 0, 2), {word + " 語" + word, false});
    EXPECT_EQ(XmlChecker(svg)(), "");
    EXPECT_EQ(cut_texts(svg), "") << layers;
  }
  EXPECT_NE(cut_texts("<svg width=\"50\" ><text x=\"40\" class=\"ink\">long</text></svg>"), "");
  EXPECT_NE(cut_texts("<svg width=\"50\" ><text x=\"4\" text-anchor=\"end\">long</text></svg>"),
            "");
}

TEST(Picture, LoopsNameTheirBlocks) {
  io::Value table;
  table.at("layers").data = int64_t{4};
  EXPECT_EQ(picture_of(read_model(table)).find(">block<"), std::string::npos);
  table.at("loop").at("first").data = int64_t{1};
  table.at("loop").at("last").data = int64_t{2};
  table.at("loop").at("repeats").data = int64_t{3};
  const std::string svg = picture_of(read_model(table));
  EXPECT_EQ(XmlChecker(svg)(), "");
  EXPECT_NE(svg.find(">block<"), std::string::npos);
  EXPECT_NE(svg.find("8 layers"), std::string::npos);
  EXPECT_NE(svg.find("blocks 1 to 2 run 3 times"), std::string::npos);
}

TEST(Picture, LayersOfSeveralKindsAreLettered) {
  ModelConfig c = plain({4, 2, 16, 8, 11});
  EXPECT_EQ(picture_of(c).find(">kind<"), std::string::npos);
  c.layer[2].window = 32;
  const std::string svg = picture_of(c);
  EXPECT_NE(svg.find(">kind<"), std::string::npos);
  EXPECT_NE(svg.find("B: softmax, rope, window 32"), std::string::npos);
}

}  // namespace
}  // namespace weft
