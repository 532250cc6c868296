//! A web session store: each session ends by itself when it was not used for a while, and whoever watches hears of it.
//!
//! `cargo run -p entidb --example sessions`

#![expect(clippy::print_stdout, reason = "an example says what it has done")]

use std::thread;
use std::time::{Duration, SystemTime};

use entidb::{ChangeKind, Database, EntityId, Value, Watch};

/// So long a session lives from its last use on. In earnest: half an hour.
const IDLE: Duration = Duration::from_secs(1);

struct Sessions {
    db: Database,
}

impl Sessions {
    fn log_in(&self, user: &str) -> entidb::Result<EntityId> {
        let session = EntityId::new();
        self.keep(session, &Value::from(user))?;
        Ok(session)
    }

    /// Whose session it is, if it is one; it lives on from now.
    fn user(&self, session: EntityId) -> entidb::Result<Option<Value>> {
        let user = self.db.untyped("sessions").get(session)?;
        if let Some(user) = &user {
            self.keep(session, user)?;
        }
        Ok(user)
    }

    fn log_out(&self, session: EntityId) -> entidb::Result<bool> {
        self.db.untyped("sessions").delete(session)
    }

    fn keep(&self, session: EntityId, user: &Value) -> entidb::Result<()> {
        let until = SystemTime::now() + IDLE;
        self.db
            .write(|tx| tx.put_expiring("sessions", session, user, until))
    }
}

fn main() -> entidb::Result<()> {
    let folder = std::env::temp_dir().join(format!("entidb-sessions-{}", std::process::id()));
    let db = Database::open(&folder)?;
    let watcher = db.watch(Watch::collection("sessions"))?;
    let auditor = thread::spawn(move || -> entidb::Result<_> {
        let (mut expired, mut ended) = (0, 0);
        for commit in watcher {
            for change in commit?.changes {
                match change.kind {
                    ChangeKind::Expire => expired += 1,
                    ChangeKind::Delete => ended += 1,
                    _ => {}
                }
            }
        }
        Ok((expired, ended))
    });

    let sessions = Sessions { db: db.clone() };
    let (ann, bob, cleo) = (
        sessions.log_in("ann")?,
        sessions.log_in("bob")?,
        sessions.log_in("cleo")?,
    );
    assert!(sessions.log_out(cleo)?);
    // Ann goes on clicking, Bob does not.
    for _ in 0..10 {
        thread::sleep(IDLE / 5);
        let user = sessions.user(ann)?;
        assert!(user.is_some(), "a session that is used lives on");
    }
    println!(
        "ann: {}, bob: {}",
        here(sessions.user(ann)?.is_some()),
        here(db.untyped("sessions").contains(bob)?)
    );
    assert!(!db.untyped("sessions").contains(bob)?);

    drop(sessions);
    db.close()?;
    let (expired, ended) = match auditor.join() {
        Ok(seen) => seen?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    println!("{expired} expired, {ended} logged out");
    assert_eq!((expired, ended), (1, 1));
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

fn here(there: bool) -> &'static str {
    if there { "logged in" } else { "gone" }
}
