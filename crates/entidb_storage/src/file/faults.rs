//! Faults to order: a test says which call fails, and reads what was called.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::seam::{Call, System};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// With this error, having done nothing.
    Error(rustix::io::Errno),
    /// With fewer bytes than were asked for; calls that transfer none succeed.
    Short(usize),
}

/// Which calls fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Of this kind, or of any.
    pub(super) call: Option<Call>,
    /// After this many of them,
    pub(super) skip: usize,
    /// this many.
    pub(super) times: usize,
    pub(super) fault: Fault,
}

type Hook = Arc<dyn Fn(Call) + Send + Sync>;

#[derive(Default)]
struct Plan {
    rule: Option<(Rule, usize)>,
    /// How many bytes may still be written before the disk is full.
    room: Option<usize>,
    paused: bool,
    calls: Vec<(Call, bool)>,
    hook: Option<Hook>,
}

/// The plan of faults, shared between a test and the systems it hands out.
#[derive(Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Plan>>);

impl Faults {
    pub(super) fn system(&self) -> System {
        System {
            faults: Some(self.clone()),
        }
    }

    pub(super) fn fail(&self, rule: Rule) {
        self.plan().rule = Some((rule, 0));
    }

    /// Fails the next `call`, and all after it.
    pub(super) fn fail_all(&self, call: Call, errno: rustix::io::Errno) {
        self.fail(Rule {
            call: Some(call),
            skip: 0,
            times: usize::MAX,
            fault: Fault::Error(errno),
        });
    }

    /// Fails the next `call`.
    pub(super) fn fail_once(&self, call: Call, errno: rustix::io::Errno) {
        self.fail(Rule {
            call: Some(call),
            skip: 0,
            times: 1,
            fault: Fault::Error(errno),
        });
    }

    pub(super) fn heal(&self) {
        self.plan().rule = None;
    }

    pub(super) fn set_room(&self, room: Option<usize>) {
        self.plan().room = room;
    }

    /// Runs `look` without faults, and without noting its calls.
    pub(super) fn paused<T>(&self, look: impl FnOnce() -> T) -> T {
        self.plan().paused = true;
        let result = look();
        self.plan().paused = false;
        result
    }

    /// Calls `hook` before every call.
    pub(super) fn hook(&self, hook: impl Fn(Call) + Send + Sync + 'static) {
        self.plan().hook = Some(Arc::new(hook));
    }

    /// The calls since the last time, and whether each failed.
    pub(super) fn take_calls(&self) -> Vec<(Call, bool)> {
        std::mem::take(&mut self.plan().calls)
    }

    /// How many calls of each kind there were since the last time, reads and questions aside.
    pub(super) fn take_changes(&self) -> BTreeMap<Call, usize> {
        let mut counts = BTreeMap::new();
        for (call, _) in self.take_calls() {
            if !matches!(call, Call::Read | Call::Stat | Call::OpenDirectory) {
                *counts.entry(call).or_default() += 1;
            }
        }
        counts
    }

    pub(super) fn gate(&self, call: Call) -> io::Result<()> {
        self.transfer_gate(call, 0).map(drop)
    }

    pub(super) fn transfer_gate(&self, call: Call, len: usize) -> io::Result<usize> {
        let hook = self.plan().hook.clone();
        if let Some(hook) = hook {
            hook(call);
        }
        let mut plan = self.plan();
        if plan.paused {
            return Ok(len);
        }
        let result = plan.decide(call, len);
        plan.calls.push((call, result.is_err()));
        result
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap()
    }
}

impl Plan {
    fn decide(&mut self, call: Call, len: usize) -> io::Result<usize> {
        let mut len = len;
        if let Some((rule, seen)) = &mut self.rule
            && rule.call.is_none_or(|kind| kind == call)
        {
            let nth = *seen;
            *seen += 1;
            if nth >= rule.skip && nth - rule.skip < rule.times {
                match rule.fault {
                    Fault::Error(errno) => return Err(errno.into()),
                    Fault::Short(most) => len = len.min(most),
                }
            }
        }
        if call == Call::Write
            && let Some(room) = &mut self.room
        {
            if *room == 0 {
                return Err(rustix::io::Errno::NOSPC.into());
            }
            len = len.min(*room);
            *room -= len;
        }
        Ok(len)
    }
}
