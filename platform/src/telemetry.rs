//! Logs.

use tracing_subscriber::{EnvFilter, fmt};

use crate::configuration::{LogFormat, Settings};

/// Sends log events to standard error in the format and at the level of the settings. A second call in a
/// process changes nothing.
pub fn start(settings: &Settings) {
    // One statement a line is for whoever asks for it by name; at "debug" it drowns everything else.
    // So are rustls's warnings of what strangers send to a listener: each would be a line that they may write.
    let filter = EnvFilter::try_new(format!("rustls=off,{}", settings.log)).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(started);
}
