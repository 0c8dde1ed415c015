//! `noctule_fuzzed::supervisor_frames`, under coverage.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noctule_fuzzed::supervisor_frames(data));
