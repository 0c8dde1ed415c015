//! The `noctule` program: this repository's executors, and nothing else.

fn main() -> std::process::ExitCode {
    noctule::main_with(noctule::standard())
}
