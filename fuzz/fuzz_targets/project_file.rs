//! `noctule_fuzzed::project_file`, under coverage.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noctule_fuzzed::project_file(data));
