//! Compiles the contracts with protox, so that nobody needs protoc.

use std::{env, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=holdfast");
    println!("cargo::rerun-if-changed=google");

    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true).open_files([
        "google/api/httpbody.proto",
        "holdfast/auth/v1/account_events.proto",
        "holdfast/auth/v1/auth.proto",
        "holdfast/options/v1/options.proto",
        "holdfast/task/v1/task.proto",
    ])?;
    // Encoded by protox because prost's own types drop options such as google.api.http, which the gateway and
    // the access table read.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    // The other imports are data for the descriptors only; no Rust code uses their types.
    let mut descriptors = compiler.file_descriptor_set();
    descriptors.file.retain(|file| {
        [
            "google/api/httpbody.proto",
            "google/protobuf",
            "holdfast/auth",
            "holdfast/task",
        ]
        .iter()
        .any(|kept| file.name().starts_with(kept))
    });
    // These hold secrets; src/lib.rs gives them a Debug that shows none.
    tonic_prost_build::configure()
        .skip_debug([
            "holdfast.auth.v1.ChangePasswordRequest",
            "holdfast.auth.v1.DeleteAccountRequest",
            "holdfast.auth.v1.LoginRequest",
            "holdfast.auth.v1.LogoutRequest",
            "holdfast.auth.v1.RefreshRequest",
            "holdfast.auth.v1.RegisterRequest",
            "holdfast.auth.v1.Tokens",
        ])
        .compile_fds(descriptors)?;
    Ok(())
}
