//! The audit log, as an operator reads and checks it.

use crate::{
    account_commands::say,
    administration::{Administration, AdministrationError},
    audit::{Link, Verified},
    export::record_json,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use clap::Subcommand;
use uuid::Uuid;

/// What is done with the audit log.
#[derive(Subcommand, Clone)]
pub enum AuditCommand {
    /// Print the records, the oldest first, one JSON object a line
    List {
        /// Of one account only: its e-mail address or id
        #[arg(long)]
        account: Option<String>,
        /// Only those behind the record of this number
        #[arg(long, default_value_t = 0)]
        after: i64,
    },
    /// Check that every record is as it was written; print the number and hash of the last one
    Verify {
        /// What an earlier check printed: that record must still be there
        #[arg(long, value_name = "NUMBER:HASH")]
        seen: Option<String>,
    },
}

impl AuditCommand {
    /// Does it.
    pub(crate) async fn run(self, administration: &Administration) -> Result<(), AdministrationError> {
        match self {
            Self::List { account, mut after } => {
                let account = match account {
                    // Also of an account that was deleted.
                    Some(account) => match Uuid::try_parse(&account) {
                        Ok(id) => Some(id),
                        Err(_) => Some(administration.find(&account).await?.account.id),
                    },
                    None => None,
                };
                loop {
                    let records = administration.audit().after(after, account).await?;
                    let Some(last) = records.last() else {
                        return Ok(());
                    };
                    after = last.sequence;
                    for record in &records {
                        say(&record_json(record).to_string());
                    }
                }
            }
            Self::Verify { seen } => {
                let seen = seen.map(|seen| link(&seen).ok_or(AdministrationError::AnchorMalformed));
                match administration.audit().verify(seen.transpose()?.as_ref()).await? {
                    Verified::Whole { first, last } => {
                        say(&format!(
                            "records {first} to {} are as they were written",
                            last.sequence
                        ));
                        say(&format!(
                            "{}:{}",
                            last.sequence,
                            BASE64_URL_SAFE_NO_PAD.encode(&last.hash)
                        ));
                        Ok(())
                    }
                    Verified::SeenIsGone => Err(AdministrationError::SeenIsGone),
                    Verified::Broken { sequence } => Err(AdministrationError::AuditBroken { sequence }),
                }
            }
        }
    }
}

fn link(text: &str) -> Option<Link> {
    let (sequence, hash) = text.trim().split_once(':')?;
    Some(Link {
        sequence: sequence.parse().ok()?,
        hash: BASE64_URL_SAFE_NO_PAD.decode(hash).ok()?,
    })
}
