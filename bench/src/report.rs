//! What was found: printed as it comes, kept as JSON, and judged at the end.

use std::{error::Error, fs, path::Path};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::figures::{median, spread};

/// Where results are kept, each kind of run in a file of its own.
pub(crate) const RESULTS: &str = "target/bench";

/// What one run found.
pub(crate) struct Report {
    run: &'static str,
    machine: Value,
    figures: Vec<Value>,
    budgets: Vec<Budget>,
}

struct Budget {
    id: &'static str,
    name: String,
    unit: &'static str,
    /// The median of what was measured.
    value: f64,
    /// Half the distance between the least and the most that was measured.
    noise: f64,
    limit: Limit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    /// By less than the noise.
    Unsure,
    Missed,
}

#[derive(Clone, Copy)]
enum Limit {
    Most(f64),
    Least(f64),
}

impl Budget {
    fn verdict(&self) -> Verdict {
        let excess = match self.limit {
            Limit::Most(most) => self.value - most,
            Limit::Least(least) => least - self.value,
        };
        if excess <= 0.0 {
            Verdict::Met
        } else if excess <= self.noise {
            Verdict::Unsure
        } else {
            Verdict::Missed
        }
    }

    fn limit(&self) -> String {
        match self.limit {
            Limit::Most(most) => format!("at most {most}"),
            Limit::Least(least) => format!("at least {least}"),
        }
    }
}

impl Report {
    /// Nothing yet, of that kind of run on this machine.
    pub(crate) fn begin(run: &'static str) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models = cpu.lines().filter_map(|line| line.strip_prefix("model name"));
        let models: Vec<&str> = models.map(|model| model.trim_start_matches([' ', '\t', ':'])).collect();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        println!(
            "{} cores, {}; load before: {}",
            models.len(),
            models.first().unwrap_or(&"?"),
            load.trim()
        );
        Self {
            run,
            machine: json!({"cores": models.len(), "model": models.first(), "loadBefore": load.trim()}),
            figures: Vec::new(),
            budgets: Vec::new(),
        }
    }

    /// A figure that no budget is about, as often as it was measured.
    pub(crate) fn figure(&mut self, name: &str, unit: &str, values: &[f64]) {
        let value = median(values);
        println!("      {name:<58} {value:>10.1} {unit}");
        self.figures.push(json!({"name": name, "unit": unit, "value": value}));
    }

    /// How long calls took, in microseconds.
    pub(crate) fn latencies(&mut self, name: &str, latencies: &Histogram<u64>) {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| latencies.value_at_quantile(quantile));
        println!("      {name:<58} p50 {p50} us, p99 {p99} us, p99.9 {p999} us");
        self.figures
            .push(json!({"name": name, "unit": "us", "calls": latencies.len(), "p50": p50, "p99": p99, "p99.9": p999}));
    }

    /// A figure that must not be more than this, as often as it was measured.
    pub(crate) fn budget(&mut self, id: &'static str, name: &str, unit: &'static str, values: &[f64], most: f64) {
        self.judge(id, name, unit, values, Limit::Most(most));
    }

    /// A figure that must not be less than this, as often as it was measured.
    pub(crate) fn floor(&mut self, id: &'static str, name: &str, unit: &'static str, values: &[f64], least: f64) {
        self.judge(id, name, unit, values, Limit::Least(least));
    }

    fn judge(&mut self, id: &'static str, name: &str, unit: &'static str, values: &[f64], limit: Limit) {
        let budget = Budget {
            id,
            name: name.to_owned(),
            unit,
            value: median(values),
            noise: spread(values) / 2.0,
            limit,
        };
        print(&budget);
        self.budgets.push(budget);
    }

    /// All budgets once more, and everything into a file; whether all are met.
    pub(crate) fn end(self) -> Result<bool, Box<dyn Error>> {
        println!();
        self.budgets.iter().for_each(print);
        let budgets = self.budgets.iter().map(|budget| {
            json!({"id": budget.id, "name": budget.name, "unit": budget.unit, "value": budget.value, "noise": budget.noise,
                "limit": budget.limit(), "verdict": budget.verdict().text()})
        });
        let results = json!({"machine": self.machine, "figures": self.figures, "budgets": budgets.collect::<Vec<_>>()});
        fs::create_dir_all(RESULTS)?;
        let path = Path::new(RESULTS).join(self.run).with_extension("json");
        fs::write(&path, serde_json::to_vec_pretty(&results)?)?;
        println!("\nwritten to {}", path.display());
        Ok(self.budgets.iter().all(|budget| budget.verdict() != Verdict::Missed))
    }
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unsure => "within the noise",
            Self::Missed => "MISSED",
        }
    }
}

fn print(budget: &Budget) {
    let Budget {
        id,
        name,
        unit,
        value,
        noise,
        ..
    } = budget;
    let (limit, verdict) = (budget.limit(), budget.verdict().text());
    println!("{id:<5} {name:<58} {value:>10.2} +- {noise:.2} {unit}, {limit}: {verdict}");
}
