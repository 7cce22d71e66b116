//! `input` is a file that is imported: see `fuzz::files`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use task_service::transfer::Format;

fuzz_target!(|input: &[u8]| fuzz::files::check(Format::Json, input));
