//! `noctule_fuzzed::process_record`, under coverage.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noctule_fuzzed::process_record(data));
