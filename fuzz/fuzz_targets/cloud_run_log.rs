//! `noctule_fuzzed::cloud_run_log`, under coverage.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noctule_fuzzed::cloud_run_log(data));
