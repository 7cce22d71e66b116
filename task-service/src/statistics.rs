//! How many tasks there are.

use proto::task::v1 as wire;

use crate::{
    condition::DueBound,
    due,
    error::TaskError,
    owner::OwnerId,
    store::{Days, Statistics},
    tasks::Tasks,
    validation::Violations,
};

impl Tasks {
    /// Counts the tasks that are not deleted, with the days of the person's zone.
    pub async fn statistics(
        &self,
        owner: OwnerId,
        request: &wire::GetTaskStatsRequest,
    ) -> Result<Statistics, TaskError> {
        let mut violations = Violations::default();
        let zone = due::zone("time_zone", &request.time_zone, &mut violations);
        let (_, zone) = violations.accept(zone)?;
        let now = self.clock.now();
        let today = due::day_at(now, &zone);
        let tomorrow = today.saturating_add(jiff::Span::new().days(1));
        let days = Days {
            now,
            today: DueBound::of_day(today, &zone),
            tomorrow: DueBound::of_day(tomorrow, &zone),
        };
        Ok(self.store.statistics(owner, days).await?)
    }
}
