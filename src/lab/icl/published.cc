#include "lab/icl/published.h"

namespace weft::icl {
namespace {

constexpr Evidence P = Evidence::published, F = Evidence::read_off, O = Evidence::rerun;

// arXiv 2310.01082 and the output stored with its code; "preconditioned" is 2306.00297. Mean and,
// in parentheses, standard deviation over seeds.
constexpr Reference kReferences[] = {
    {"loss/default/sgd/0", O, "5.52", 5.52},
    {"loss/default/sgd/250", O, "0.057", 5.7e-2},
    {"loss/default/adam/250", O, "0.014", 1.4e-2},
    {"loss/default/sgd/1000", F, "0.025", 2.5e-2},
    {"loss/default/sgd/1000", O, "0.031", 3.1e-2},
    {"loss/default/adam/1000", F, "0.0016", 1.6e-3},
    {"loss/default/adam/1000", O, "0.0024", 2.4e-3},
    {"loss/default/sgd/10000", F, "about 0.008", 8e-3},
    {"loss/default/sgd/10000", O, "0.0069", 6.9e-3},
    {"loss/default/adam/10000", F, "0.0016", 1.6e-3},
    {"loss/default/adam/10000", O, "0.0011", 1.1e-3},

    {"noise/default/median", F, "mode about 2.1", 2.1},
    {"noise/default/max", F, "4.7", 4.7},
    {"noise/sphere/median", O, "0.063", 0.063},
    {"noise/default/median", O, "2.14", 2.14},
    {"noise/few/median", O, "3.16", 3.16},
    {"noise/heavy/median", O, "0.317", 0.317},
    {"noise/sphere/max", O, "0.121", 0.121},
    {"noise/default/max", O, "4.91", 4.91},
    {"noise/few/max", O, "20.7", 20.7},
    {"noise/heavy/max", O, "5.03", 5.03},
    {"noise/sphere/kurtosis", O, "0.28, null -0.03", 0.28},
    {"noise/default/kurtosis", O, "1.08, null 0.22", 1.08},
    {"noise/few/kurtosis", O, "48, null 0.39", 48},
    {"noise/heavy/kurtosis", O, "93, null 0.20", 93},
    {"noise/sphere/hill5", O, "17", 17},
    {"noise/default/hill5", O, "13", 13},
    {"noise/few/hill5", O, "6.7", 6.7},
    {"noise/heavy/hill5", O, "3.9", 3.9},
    {"noise/L2/median", O, "1.73", 1.73},
    {"noise/L4/median", O, "2.61", 2.61},
    {"noise/L6/median", O, "3.76", 3.76},
    {"noise/L8/median", O, "5.18", 5.18},
    {"noise/L2/kurtosis", O, "0.85, null 0.05", 0.85},
    {"noise/L4/kurtosis", O, "1.1, null 0.07", 1.1},
    {"noise/L6/kurtosis", O, "7.0, null 0.84", 7.0},
    {"noise/L8/kurtosis", O, "30, null 1.8", 30},
    {"noise/L2/hill5", O, "13", 13},
    {"noise/L4/hill5", O, "12", 12},
    {"noise/L6/hill5", O, "7.8", 7.8},
    {"noise/L8/hill5", O, "5.5", 5.5},

    {"condition/default/adam/r_med/0", F, "about 270", 270},
    {"condition/default/adam/r_med/0", O, "242", 242},
    {"condition/default/adam/r_live/0", O, "1.9", 1.9},
    {"condition/default/adam/r_eig/0", O, "12", 12},
    {"condition/default/adam/negative/0", O, "about 53", 53},
    {"condition/default/adam/r_med/250", F, "about 8", 8},
    {"condition/default/adam/r_med/250", O, "14", 14},
    {"condition/default/sgd/r_med/2000", F, "about 80", 80},
    {"condition/default/sgd/r_med/2000", O, "93", 93},
    {"ratio/default/r_med/250", O, "19.6 (11.6)", 19.6},
    {"ratio/default/r_med/750", P, "1.76 (0.40)", 1.76},
    {"ratio/default/r_med/750", P, "2.57 (0.91), second output", 2.57},
    {"ratio/default/r_med/750", O, "3.2 (2.2)", 3.2},
    {"ratio/default/r_med/1250", P, "1.58 (0.41)", 1.58},
    {"ratio/default/r_med/1250", P, "1.30 (0.78), second output", 1.30},
    {"ratio/default/r_med/1250", O, "1.7 (1.3)", 1.7},
    {"ratio/default/r_med/2000", O, "1.5 (0.6)", 1.5},
    {"ratio/few/r_med/750", P, "3.14 (0.97)", 3.14},
    {"ratio/few/r_med/750", O, "1.5 (0.7)", 1.5},
    {"ratio/few/r_med/1250", P, "5.98 (2.86)", 5.98},
    {"ratio/few/r_med/1250", O, "2.3 (1.9)", 2.3},
    {"ratio/heavy/r_med/750", P, "9.57 (13.3)", 9.57},
    {"ratio/heavy/r_med/750", O, "4.1 (4.1)", 4.1},
    {"ratio/heavy/r_med/1250", P, "6.53 (3.55)", 6.53},
    {"ratio/heavy/r_med/1250", O, "4.2 (3.0)", 4.2},
    {"ratio/sphere/r_med/750", O, "0.75 (0.30)", 0.75},
    {"ratio/sphere/r_med/1250", O, "0.68 (0.15)", 0.68},
    {"ratio/default/r_live/750", O, "6.5 (4.8)", 6.5},
    {"ratio/default/r_live/1250", O, "3.1 (2.3)", 3.1},
    {"ratio/few/r_live/750", O, "0.5 (0.4)", 0.5},
    {"ratio/few/r_live/1250", O, "2.3 (3.5)", 2.3},
    {"ratio/heavy/r_live/750", O, "8.5 (9.3)", 8.5},
    {"ratio/heavy/r_live/1250", O, "8.7 (8.8)", 8.7},
    {"ratio/sphere/r_live/750", O, "0.42 (0.24)", 0.42},
    {"ratio/sphere/r_live/1250", O, "0.42 (0.14)", 0.42},

    {"smoothness/default/sgd/10", O, "1.6", 1.6},
    {"smoothness/default/sgd/100", O, "11", 11},
    {"smoothness/default/sgd/500", O, "5.4", 5.4},
    {"smoothness/default/sgd/1000", O, "2.2", 2.2},
    {"smoothness/default/adam/10", O, "1.0", 1.0},
    {"smoothness/default/adam/100", O, "0.30", 0.30},
    {"smoothness/default/adam/500", O, "0.21", 0.21},
    {"smoothness/default/adam/1000", O, "0.16", 0.16},
    {"smoothness/heavy/adam/1000", O, "58", 58},
    {"spearman/default/adam", O, "0.55", 0.55},
    {"spearman/few/adam", O, "0.50", 0.50},
    {"spearman/heavy/adam", O, "0.52", 0.52},
    {"spearman/sphere/adam", O, "0.76", 0.76},
    {"dropped/default/adam", O, "1", 1},
    {"dropped/few/adam", O, "7", 7},
    {"dropped/heavy/adam", O, "194", 194},
    {"dropped/heavy/sgd", O, "660", 660},
    {"dropped/sphere/adam", O, "0", 0},

    {"gap/sphere/1000", O, "20", 20},
    {"gap/default/1000", O, "13", 13},
    {"gap/heavy/1000", O, "0.44 / 0.34 = 1.3", 1.3},
    {"gap/heavy/2000", O, "2.0", 2.0},
    {"depth/L2/sgd", O, "about 0.11", 0.11},
    {"depth/L2/adam", O, "about 0.11", 0.11},

    {"nonlinear/adam/9900", P, "2e-4 .. 9e-4"},
    {"nonlinear/sgd/9900", P, "8e-3 .. 1.4e-2"},
    {"ratio/nonlinear/r_med/0", P, "1.07 (0.40)", 1.07},
    {"ratio/nonlinear/r_med/750", P, "5.4 (4.0)", 5.4},
    {"ratio/nonlinear/r_med/1250", P, "6.6 (2.5)", 6.6},

    {"scale/preconditioned/first", P, "about 0.43", 0.43},
    {"scale/preconditioned/second", P, "about 0.69", 0.69},
    {"scale/preconditioned/third", P, "about 1.72", 1.72},
};

}  // namespace

std::string_view label_of(Evidence evidence) {
  switch (evidence) {
    case Evidence::published:
      return "P";
    case Evidence::read_off:
      return "F";
    case Evidence::rerun:
      break;
  }
  return "O";
}

std::span<const Reference> references() {
  return kReferences;
}

}  // namespace weft::icl
