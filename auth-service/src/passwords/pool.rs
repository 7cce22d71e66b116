//! Hashing on its own threads, as many as cores, behind a bounded queue: what does not fit is refused at once.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, available_parallelism},
    time::Duration,
};

use platform::entropy::Entropy;
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::Instant,
};
use zeroize::Zeroizing;

use super::{
    HashingParameters, Verdict, choice,
    hashing::{Hasher, HashingError, decoy},
};
use crate::error::{AuthError, PasswordRefusal};

/// How many passwords may wait for each thread.
const QUEUE_PER_THREAD: usize = 16;
/// What has waited for longer than this is refused instead of hashed.
const QUEUE_DEADLINE: Duration = Duration::from_secs(2);

/// Hashes and checks passwords.
pub struct Passwords {
    minimum_length: usize,
    decoy: String,
    places: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
    hashes: Arc<AtomicU64>,
    queued: Gauge,
}

/// A place in the queue. Taken before any other work is done for a sign-in, so that a full queue costs
/// nothing; given back when dropped.
pub struct Place {
    decoy: String,
    jobs: mpsc::Sender<Job>,
    _permit: OwnedSemaphorePermit,
    queued: Gauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queued.dec();
    }
}

struct Job {
    password: Zeroizing<String>,
    work: Work,
    deadline: Instant,
}

enum Work {
    Choose {
        context: Vec<String>,
        answer: Answer<Result<String, PasswordRefusal>>,
    },
    Verify {
        stored: String,
        answer: Answer<Verdict>,
    },
}

type Answer<T> = oneshot::Sender<Result<T, HashingError>>;

impl Passwords {
    /// The most bytes of a password.
    pub const MAX_BYTES: usize = choice::MAX_BYTES;

    /// Starts the threads. They end when this and every [`Place`] are dropped. The gauge shows how many places are taken.
    pub fn start(
        minimum_length: usize,
        parameters: HashingParameters,
        entropy: &Arc<dyn Entropy>,
        queued: Gauge,
    ) -> io::Result<Self> {
        let decoy = decoy(parameters, &**entropy).map_err(io::Error::other)?;
        let threads = available_parallelism().map_or(1, std::num::NonZero::get);
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let hashes = Arc::new(AtomicU64::new(0));
        for number in 0..threads {
            let worker = Worker {
                queue: queue.clone(),
                hasher: Hasher::new(parameters),
                entropy: entropy.clone(),
                hashes: hashes.clone(),
            };
            thread::Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || worker.run())?;
        }
        let places = Arc::new(Semaphore::new(threads * (1 + QUEUE_PER_THREAD)));
        Ok(Self {
            minimum_length,
            decoy,
            places,
            jobs,
            hashes,
            queued,
        })
    }

    /// OVERLOADED if the queue is full; costs nothing.
    pub fn check_room(&self) -> Result<(), AuthError> {
        if self.places.available_permits() == 0 {
            return Err(AuthError::Overloaded);
        }
        Ok(())
    }

    /// A place in the queue, or OVERLOADED.
    pub fn reserve(&self) -> Result<Place, AuthError> {
        let permit = self
            .places
            .clone()
            .try_acquire_owned()
            .map_err(|_| AuthError::Overloaded)?;
        self.queued.inc();
        Ok(Place {
            decoy: self.decoy.clone(),
            jobs: self.jobs.clone(),
            _permit: permit,
            queued: self.queued.clone(),
        })
    }

    /// Whether the length of a password to be chosen will do.
    pub fn check_length(&self, password: &str) -> Result<(), PasswordRefusal> {
        choice::check_length(password, self.minimum_length)
    }

    /// How many verifications and first hashes have been done, refusals and rehashes not counted.
    pub fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }
}

impl Place {
    /// The PHC string of a password that may be chosen by a person of whom a guesser knows the context; a refusal
    /// names the field.
    pub async fn choose(
        self,
        password: Zeroizing<String>,
        context: Vec<String>,
        field: &'static str,
    ) -> Result<String, AuthError> {
        let chosen = self.submit(password, |answer| Work::Choose { context, answer }).await?;
        chosen.map_err(|refusal| AuthError::PasswordRefused(field, refusal))
    }

    /// Whether a password is the one of a stored hash. Without a stored hash, or with that of no password, the same work is done against
    /// the decoy, and the password is wrong.
    pub async fn verify(self, password: Zeroizing<String>, stored: Option<String>) -> Result<Verdict, AuthError> {
        let stored = stored.filter(|stored| !stored.is_empty());
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        self.submit(password, |answer| Work::Verify { stored, answer }).await
    }

    async fn submit<T>(
        self,
        password: Zeroizing<String>,
        work: impl FnOnce(Answer<T>) -> Work,
    ) -> Result<T, AuthError> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            password,
            work: work(answer),
            deadline: Instant::now() + QUEUE_DEADLINE,
        };
        self.jobs
            .send(job)
            .map_err(|_| AuthError::Internal("the hashing threads are gone".to_owned()))?;
        // A job that is dropped unanswered waited past its deadline.
        let answer = answered.await.map_err(|_| AuthError::Overloaded)?;
        answer.map_err(|error| AuthError::Internal(format!("a password could not be hashed: {error}")))
    }
}

/// Added to the niceness of the hashing threads. A flood of sign-ins then slows down neither refreshes nor, on the same
/// machine, calls for tasks; cores that nobody else wants they have all the same.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// On Linux each thread has a niceness of its own (setpriority(2)).
#[cfg(target_os = "linux")]
fn let_others_go_first() {
    let thread = rustix::thread::gettid();
    let nicer = rustix::process::getpriority_process(None).map(|niceness| niceness + NICENESS);
    let set = nicer.and_then(|nicer| rustix::process::setpriority_process(Some(thread), nicer));
    if let Err(error) = set {
        tracing::debug!(%error, "the hashing threads have the priority of all others");
    }
}

#[cfg(not(target_os = "linux"))]
fn let_others_go_first() {}

struct Worker {
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    hasher: Hasher,
    entropy: Arc<dyn Entropy>,
    hashes: Arc<AtomicU64>,
}

impl Worker {
    fn run(mut self) {
        let_others_go_first();
        while let Some(job) = self.next() {
            if job.is_abandoned() || Instant::now() > job.deadline {
                continue;
            }
            match job.work {
                Work::Choose { context, answer } => {
                    let chosen = match choice::check_strength(&job.password, &context) {
                        Ok(()) => self.hasher.hash(&job.password, &*self.entropy).map(Ok),
                        Err(refusal) => Ok(Err(refusal)),
                    };
                    self.count(matches!(chosen, Ok(Ok(_))));
                    // Nobody waits for it any more if this fails; so below.
                    answer.send(chosen).ok();
                }
                Work::Verify { stored, answer } => {
                    let verdict = self.hasher.verify(&job.password, &stored, &*self.entropy);
                    self.count(verdict.is_ok());
                    answer.send(verdict).ok();
                }
            }
        }
    }

    /// The next job; `None` when there will be none.
    fn next(&self) -> Option<Job> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    fn count(&self, hashed: bool) {
        self.hashes.fetch_add(u64::from(hashed), Ordering::Relaxed);
    }
}

impl Job {
    fn is_abandoned(&self) -> bool {
        match &self.work {
            Work::Choose { answer, .. } => answer.is_closed(),
            Work::Verify { answer, .. } => answer.is_closed(),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, sync::Arc};

    use platform::entropy::{Entropy, SystemEntropy};

    use super::*;

    /// The niceness of a thread: the seventeenth field behind its name (proc(5)).
    fn niceness(stat: &str) -> Option<i32> {
        let (_, fields) = stat.rsplit_once(')')?;
        fields.split_whitespace().nth(16)?.parse().ok()
    }

    #[tokio::test]
    async fn hashing_threads_let_others_go_first() {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let cheap = HashingParameters {
            memory_kib: 64,
            passes: 1,
        };
        let passwords = Passwords::start(12, cheap, &entropy, Gauge::default()).expect("threads start");
        let place = passwords.reserve().expect("there is room");
        let password = Zeroizing::new("a long password".to_owned());
        place.verify(password, None).await.expect("it is hashed");
        let ours = niceness(&fs::read_to_string("/proc/thread-self/stat").expect("proc")).expect("a niceness");
        let threads = fs::read_dir("/proc/self/task").expect("proc");
        let hashing = threads
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok())
            .filter(|stat| stat.contains("(hashing-"));
        let niceness: Vec<i32> = hashing.filter_map(|stat| niceness(&stat)).collect();
        // Only one of them is known to have begun.
        assert!(niceness.contains(&(ours + NICENESS).min(19)), "{ours} {niceness:?}");
    }
}
