//! What is spoken without TLS beyond loopback.

use std::net::IpAddr;

use http::Uri;

use super::{Mistake, Settings};

/// A listener of a process, besides its admin listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// `HOLDFAST_AUTH_LISTEN`.
    Auth,
    /// `HOLDFAST_TASK_LISTEN`.
    Task,
    /// `HOLDFAST_GATEWAY_LISTEN`.
    Gateway,
}

/// Another service that a process calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// `HOLDFAST_AUTH_ADDR`.
    Auth,
    /// `HOLDFAST_TASK_ADDR`.
    Task,
}

impl Settings {
    /// Where a process would speak without TLS beyond loopback, though nobody asked for it (ASVS 12): on its listeners, and
    /// to the services that it calls.
    pub fn exposed(&self, listeners: &[Listener], peers: &[Peer]) -> Vec<Mistake> {
        let has_tls = self.tls.grpc.is_some();
        let public = listeners.iter().map(|listener| match listener {
            Listener::Auth => ("HOLDFAST_AUTH_LISTEN", self.auth_listen, has_tls),
            Listener::Task => ("HOLDFAST_TASK_LISTEN", self.task_listen, has_tls),
            Listener::Gateway => ("HOLDFAST_GATEWAY_LISTEN", self.gateway_listen, has_tls),
        });
        let admin = self
            .admin_listen
            .map(|address| ("HOLDFAST_ADMIN_LISTEN", address, false));
        let exposed = public
            .chain(admin)
            .filter(|(_, address, has_tls)| !(address.ip().to_canonical().is_loopback() || *has_tls || self.plaintext));
        let mistakes = exposed.map(|(setting, ..)| {
            let problem = if setting == "HOLDFAST_ADMIN_LISTEN" {
                "must be a loopback address, because it never has TLS; set HOLDFAST_PLAINTEXT=on where the network is \
                 yours alone"
            } else {
                "must be a loopback address as long as there is no TLS; set HOLDFAST_TLS_CERTIFICATE_FILE and \
                 HOLDFAST_TLS_KEY_FILE, or HOLDFAST_PLAINTEXT=on where the network is yours alone"
            };
            Mistake {
                setting,
                problem: problem.to_owned(),
            }
        });
        let addresses = peers.iter().map(|peer| match peer {
            Peer::Auth => ("HOLDFAST_AUTH_ADDR", &self.auth_addr),
            Peer::Task => ("HOLDFAST_TASK_ADDR", &self.task_addr),
        });
        let open = addresses.filter(|(_, addresses)| !self.plaintext && addresses.iter().any(is_plain_and_remote));
        let open = open.map(|(setting, _)| Mistake {
            setting,
            problem: "must be https or a loopback address; set HOLDFAST_PLAINTEXT=on where the network is yours alone"
                .to_owned(),
        });
        mistakes.chain(open).collect()
    }
}

fn is_plain_and_remote(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.to_canonical().is_loopback());
    address.scheme_str() == Some("http") && !is_loopback
}
