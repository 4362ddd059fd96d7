#include "cli/man_page.h"

#include "cli/help.h"
#include "cli/version.h"

namespace weft::cli {
namespace {

// Text as roff prints it: no escape, no request, minus signs that can be copied.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out.empty() || (out.front() != '.' && out.front() != '\'') ? out : "\\&" + out;
}

std::string tagged(const std::string& name, const std::string& type, const std::string& text) {
  return ".TP\n\\fB" + roff(name) + "\\fR" + (type.empty() ? "" : " \\fI" + roff(type) + "\\fR") +
         "\n" + roff(text) + "\n";
}

std::string commands(std::span<const Example> examples) {
  std::string out;
  for (const Example& e : examples) {
    out += ".PP\n" + roff(e.what) + ":\n.PP\n.RS 4\n.nf\n" + roff(e.command) + "\n.fi\n.RE\n";
  }
  return out;
}

}  // namespace

std::string man_page(std::span<const Page> pages) {
  std::string out = ".TH WEFT 1 \"\" \"weft " + std::string(kVersion) + "\" \"User Commands\"\n";
  out += ".SH NAME\nweft \\- " + roff(kAbout) + "\n";
  out += ".SH SYNOPSIS\n\\fBweft\\fR \\fIVERB\\fR [\\fIarguments\\fR] [\\fIflags\\fR]\n";
  out +=
      ".SH DESCRIPTION\nResults go to standard output, everything else to standard error. "
      "Where a verb takes \\fB\\-\\-json\\fR, it gives exactly one JSON document.\n";
  out += ".SH FIRST STEPS\n" + commands(first_steps());
  out += ".SH VERBS\n";
  for (const Page& p : pages) {
    out += ".SS " + roff(usage(p)) + "\n" + roff(p.summary) + ".\n";
    for (const Declared& d : p.declared) out += tagged(d.name, d.type, d.help);
    out += commands(p.examples);
  }
  out += ".SH EXIT STATUS\n" + tagged("0", "", "success") +
         tagged("1", "", "a failure at run time: disk full, out of memory, a NaN in training") +
         tagged("2", "",
                "a mistake in the call, the configuration or the input: one line says "
                "what, where, what was expected and what to do");
  return out;
}

}  // namespace weft::cli
