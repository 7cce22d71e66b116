//! Channels for calls that last. A listener takes 256 calls at once on a connection, and each watcher is one of them:
//! on the channel of the short calls a few hundred watchers would leave these no place.

use std::sync::{Arc, Mutex, PoisonError};

use platform::channel::Destination;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::Channel;

use crate::problem::Problem;

/// Calls on one channel, even if all of them go to one address: below what the services' listeners take.
const CALLS_PER_CHANNEL: usize = 200;
const MOST_CHANNELS: usize = 128;

/// The channels for lasting calls to one upstream, as many as there are calls for.
pub(crate) struct StreamChannels {
    destination: Destination,
    open: Mutex<Vec<Open>>,
}

struct Open {
    channel: Channel,
    places: Arc<Semaphore>,
}

/// A channel with room for one call, for as long as this is held.
pub(crate) struct Place {
    pub(crate) channel: Channel,
    _held: OwnedSemaphorePermit,
}

impl StreamChannels {
    /// To this upstream; none is open yet.
    pub(crate) fn new(destination: Destination) -> Self {
        Self {
            destination,
            open: Mutex::default(),
        }
    }

    /// Room for one call: UNAVAILABLE if there are very many already. Channels without calls are closed, but one.
    pub(crate) fn place(&self) -> Result<Place, Problem> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match open.iter().find_map(Open::place) {
            Some(place) => place,
            None if open.len() < MOST_CHANNELS => {
                let new = Open {
                    channel: self.destination.channel(),
                    places: Arc::new(Semaphore::new(CALLS_PER_CHANNEL)),
                };
                let place = new.place();
                open.push(new);
                place.ok_or_else(Problem::internal)?
            }
            None => {
                return Err(Problem::new(
                    "UNAVAILABLE",
                    "too many streams are open; try again later",
                ));
            }
        };
        open.retain(|open| open.places.available_permits() < CALLS_PER_CHANNEL);
        Ok(place)
    }
}

impl Open {
    fn place(&self) -> Option<Place> {
        let held = self.places.clone().try_acquire_owned().ok()?;
        Some(Place {
            channel: self.channel.clone(),
            _held: held,
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;
    use platform::tls::ClientTls;

    use super::*;

    #[tokio::test]
    async fn channels_come_and_go_with_the_calls() {
        let nowhere = Destination::new(&[Uri::from_static("http://127.0.0.1:1")], &ClientTls::default());
        let channels = StreamChannels::new(nowhere);
        let open = || channels.open.lock().expect("no panic").len();
        let take = |number: usize| -> Vec<Place> { (0..number).map(|_| channels.place().expect("room")).collect() };
        let (first, second) = (take(CALLS_PER_CHANNEL), take(CALLS_PER_CHANNEL));
        assert_eq!(open(), 2);
        let third = take(1);
        assert_eq!(open(), 3);
        drop((first, second));
        // Room in the first channel again, where the next call goes; the second is of no use to anybody.
        let next = take(1);
        assert_eq!(open(), 2);
        let rest = take(CALLS_PER_CHANNEL * MOST_CHANNELS - 2);
        let refused = channels.place().err().expect("no room");
        assert_eq!((&*refused.reason, refused.status.as_u16()), ("UNAVAILABLE", 503));
        drop((third, next, rest));
        take(1);
        assert_eq!(open(), 1);
    }
}
