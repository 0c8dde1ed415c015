//! `noctule_fuzzed::cloud_run_refusal`, under coverage.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noctule_fuzzed::cloud_run_refusal(data));
