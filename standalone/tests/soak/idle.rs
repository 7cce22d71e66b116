//! Start and idle memory.

use std::time::Instant;

use platform::testing::Workspace;

use crate::{process::Process, resident_kib};

const IDLE_LIMIT_KIB: u64 = 40 * 1024;

#[test]
fn it_starts_fast_and_idles_small() {
    let workspace = Workspace::new();
    for start in ["first start", "second start", "third start"] {
        let began = Instant::now();
        // Ready means that the gateway got an answer from both services.
        let process = Process::start(workspace.path());
        let ready = began.elapsed();
        let resident = resident_kib(&process);
        println!("{start}: ready after {ready:?}, {} MiB resident", resident / 1024);
        assert!(ready.as_millis() < 1000 && resident < IDLE_LIMIT_KIB);
        process.kill();
    }
}
