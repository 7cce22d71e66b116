//! grpc.health.v1 and server reflection.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::service::RoutesBuilder;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::Readiness;

const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// While it starts, every moment counts.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Adds the health service: "" and every name given are NOT_SERVING until the checks pass, follow them from
/// then on, and are NOT_SERVING once the process leaves, or the shutdown has begun.
pub async fn health_service(
    routes: &mut RoutesBuilder,
    services: &'static [&'static str],
    readiness: Readiness,
    shutdown: CancellationToken,
) {
    let (reporter, service) = tonic_health::server::health_reporter();
    report(&reporter, services, ServingStatus::NotServing).await;
    routes.add_service(service);
    tokio::spawn(async move {
        let mut pause = FIRST_PAUSE;
        loop {
            let ready = matches!(timeout(CHECK_TIMEOUT, readiness.check()).await, Ok(Ok(())));
            let status = if ready {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            report(&reporter, services, status).await;
            pause = if ready {
                CHECK_INTERVAL
            } else {
                CHECK_INTERVAL.min(pause * 2)
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = readiness.left() => break,
                () = shutdown.cancelled() => break,
            }
        }
        report(&reporter, services, ServingStatus::NotServing).await;
    });
}

async fn report(reporter: &HealthReporter, services: &[&str], status: ServingStatus) {
    reporter.set_service_status("", status).await;
    for service in services {
        reporter.set_service_status(*service, status).await;
    }
}

/// Adds server reflection for some services of the contracts, in the versions that clients ask for: v1, and
/// v1alpha for grpcurl before 1.9.
pub fn add_reflection(routes: &mut RoutesBuilder, services: &[&str]) {
    let builder = || {
        services.iter().chain(&["grpc.health.v1.Health"]).fold(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                // With these, grpcurl shows the details of errors in clear.
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET),
            |builder, service| builder.with_service_name(*service),
        )
    };
    #[expect(
        clippy::expect_used,
        reason = "the descriptors are our own build's; a test reads them back"
    )]
    let (v1, v1alpha) = (
        builder().build_v1().expect("reflection reads the descriptors"),
        builder().build_v1alpha().expect("reflection reads the descriptors"),
    );
    routes.add_service(v1);
    routes.add_service(v1alpha);
}
