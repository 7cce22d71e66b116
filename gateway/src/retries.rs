//! Calls that are made again where nothing answered: only of methods that say they may be, and not many, so that an outage
//! does not become a flood.

use std::{sync::Arc, time::Duration};

use platform::{
    channel::Destination,
    entropy::{Entropy, random_bytes},
};
use tokio::time::{Instant, sleep};
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::{deadline::Deadline, problem::Problem};

/// How long is waited before each of them, at most; at least half of it.
const PAUSES: [Duration; 2] = [Duration::from_millis(30), Duration::from_millis(120)];
/// Of the calls of the last ten seconds so many may be made again, and a few a second in any case.
const SHARE: f32 = 0.1;
const WINDOW: Duration = Duration::from_secs(10);
const A_SECOND: u32 = 5;

/// What calls to one upstream may cost beyond themselves.
pub(crate) struct Retries {
    destination: Destination,
    budget: TpsBudget,
    entropy: Arc<dyn Entropy>,
}

impl Retries {
    pub(crate) fn new(destination: Destination, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            destination,
            budget: TpsBudget::new(WINDOW, A_SECOND, SHARE),
            entropy,
        }
    }

    /// Makes a call, and makes it again, at most twice, if it reached no service, or if none answered and it may be repeated,
    /// and there is time for it.
    pub(crate) async fn run<T, F>(
        &self,
        may_be_repeated: bool,
        deadline: Deadline,
        call: impl Fn() -> F,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let mut answered = call().await;
        self.budget.deposit();
        for pause in PAUSES {
            if answered.as_ref().is_err_and(Problem::is_unanswered) {
                // Or the replica that is gone, which has the fewest calls under way, would get the next one too.
                self.destination.doubt();
            }
            let pause = self.jittered(pause);
            let is_in_time = Instant::now() + pause < deadline.end();
            let again = match &answered {
                Err(problem) if may_be_repeated => problem.is_unanswered(),
                Err(problem) => problem.is_not_sent(),
                Ok(_) => false,
            };
            if !(again && is_in_time && self.budget.withdraw()) {
                break;
            }
            sleep(pause).await;
            answered = call().await;
        }
        answered
    }

    /// Clients that were cut off together do not come back together.
    fn jittered(&self, pause: Duration) -> Duration {
        let [byte] = random_bytes(&*self.entropy);
        pause / 2 + pause / 2 * u32::from(byte) / 255
    }
}
