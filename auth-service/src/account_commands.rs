//! Accounts, as an operator sees and changes them. Every running replica takes it over within a second.

use std::io::{self, Write as _};

use crate::{administration::Administration, administration::AdministrationError, resets};
use clap::Subcommand;

/// So many accounts are read at once.
const PAGE: usize = 500;

/// What is done with accounts. An account is named by its e-mail address or its id.
#[derive(Subcommand, Clone)]
pub enum AccountsCommand {
    /// List the accounts, by e-mail address
    List,
    /// Let nobody sign in to an account any more, and end its sessions
    Disable {
        /// E-mail address or id
        #[arg(allow_hyphen_values = true)]
        account: String,
    },
    /// Let an account be signed in to again
    Enable {
        /// E-mail address or id
        #[arg(allow_hyphen_values = true)]
        account: String,
    },
    /// End all sessions of an account, or of everybody
    EndSessions {
        /// E-mail address or id
        #[arg(
            allow_hyphen_values = true,
            required_unless_present = "everybody",
            conflicts_with = "everybody"
        )]
        account: Option<String>,
        /// Of all accounts
        #[arg(long)]
        everybody: bool,
    },
    /// Forget the failed tries to sign in with an e-mail address
    Unlock {
        /// E-mail address or id
        #[arg(allow_hyphen_values = true)]
        account: String,
    },
    /// Print a link by which the person chooses another password: good once, for an hour, and in place of any before
    ResetPassword {
        /// E-mail address or id
        #[arg(allow_hyphen_values = true)]
        account: String,
        /// The present password is known to somebody else: it is useless from now on, and all sessions end
        #[arg(long)]
        compromised: bool,
    },
}

impl AccountsCommand {
    /// Does it, and says what was done.
    pub(crate) async fn run(self, administration: &Administration) -> Result<(), AdministrationError> {
        match self {
            Self::List => list(administration).await?,
            Self::Disable { account } => {
                let found = administration.find(&account).await?.account;
                let ended = administration.disable(found.id).await?;
                say(&format!("{} is disabled; sessions ended: {ended}", found.id));
            }
            Self::Enable { account } => {
                let found = administration.find(&account).await?.account;
                administration.enable(found.id).await?;
                say(&format!("{} is enabled", found.id));
            }
            Self::EndSessions {
                account: Some(account), ..
            } => {
                let found = administration.find(&account).await?.account;
                let ended = administration.end_sessions(found.id).await?;
                say(&format!("{}: sessions ended: {ended}", found.id));
            }
            Self::EndSessions { account: None, .. } => {
                let ended = administration.end_all_sessions().await?;
                say(&format!("sessions ended: {ended}"));
            }
            Self::Unlock { account } => {
                administration.unlock(&account).await?;
                say("the failed tries are forgotten");
            }
            Self::ResetPassword { account, compromised } => {
                let found = administration.find(&account).await?.account;
                let link = administration.reset_link(found.id, compromised).await?;
                say(&link);
                tracing::info!(
                    account.id = %found.id,
                    "the link is good once, for {} minutes; whoever has it can take the account",
                    resets::LIFETIME.as_secs() / 60
                );
            }
        }
        Ok(())
    }
}

async fn list(administration: &Administration) -> Result<(), AdministrationError> {
    let mut after = String::new();
    loop {
        let page = administration.list(&after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        last.account.email.key().clone_into(&mut after);
        for state in page {
            let (account, disabled) = (state.account, if state.disabled { "disabled" } else { "enabled" });
            let since = prost_types::Timestamp::from(account.create_time);
            say(&format!(
                "{}  {disabled:<8}  since {since}  {}",
                account.id,
                account.email.as_typed().escape_debug()
            ));
        }
    }
}

/// One line of the answer.
pub(crate) fn say(line: &str) {
    // A reader that went away has read enough.
    writeln!(io::stdout().lock(), "{line}").ok();
}
