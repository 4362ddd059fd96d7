// The three descriptors that every program expects to be open.
#pragma once

namespace weft::cli {

/// Occupies those of stdin, stdout and stderr that are closed, so that no file that is opened later
/// becomes one of them and takes in what is meant for a reader. Reading such a stdin and writing
/// to such a stdout fail as they would have; what goes to such a stderr is lost. To be called
/// before any file is opened.
void occupy_closed_streams();

}  // namespace weft::cli
