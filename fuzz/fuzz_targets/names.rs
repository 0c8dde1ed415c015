//! `noctule_fuzzed::names`, under coverage.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noctule_fuzzed::names(data));
