//! `noctule_fuzzed::ecs_task`, under coverage.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noctule_fuzzed::ecs_task(data));
