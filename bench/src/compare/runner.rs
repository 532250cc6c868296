//! Starts the child processes, in turns, and records what they tell.

use std::fs::File;
use std::io::{BufRead, BufReader, Result, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::args::{Args, Job};
use crate::data::{Order, Shape, generate};
use crate::engine::Kind;
use crate::event::{Event, FLOOR, Told};
use crate::rows::{Group, Row};
use crate::work::bounded;

const RECORD: &str = "results.jsonl";

/// The events of the last measurement in `dir`.
pub fn recorded(dir: &Path) -> Result<Vec<Event>> {
    let text = std::fs::read_to_string(dir.join(RECORD))?;
    Ok(text.lines().filter_map(Event::from_line).collect())
}

/// Measures everything that `args` ask for.
pub fn run(args: &Args) -> Result<Vec<Event>> {
    std::fs::create_dir_all(&args.dir)?;
    generate(&args.dir, Shape::Record, args.count)?;
    let wanted = |group: Group| group.rows().any(|row| args.wants(row.name));
    if wanted(Group::Redb) {
        generate(&args.dir, Shape::Noise, args.count)?;
    }
    if wanted(Group::Bounded) {
        generate(&args.dir, Shape::Record, args.bounded_count())?;
    }
    let mut runner = Runner {
        args,
        record: File::create(args.dir.join(RECORD))?,
        events: Vec::new(),
        begin: Instant::now(),
    };
    for run in 0..args.runs {
        for group in Group::ALL.into_iter().filter(|group| wanted(*group)) {
            for order in &args.orders {
                let applies = |row: &Row| args.wants(row.name) && row.orders.contains(order);
                if group.rows().any(applies) {
                    runner.group(run, group, *order)?;
                }
            }
        }
    }
    Ok(runner.events)
}

struct Runner<'a> {
    args: &'a Args,
    record: File,
    events: Vec<Event>,
    begin: Instant,
}

impl Runner<'_> {
    /// One group on all engines, one after the other; each run begins with another one.
    fn group(&mut self, run: usize, group: Group, order: Order) -> Result<()> {
        if group == Group::Durable {
            self.child(self.args.engines[0], order, &Job::Floor)?;
        }
        let mut engines = self.args.engines.clone();
        let first = run % engines.len();
        engines.rotate_left(first);
        for kind in engines {
            let begin = Instant::now();
            match group {
                Group::Kill => {
                    for durable in [true, false] {
                        self.kill(kind, order, durable, run)?;
                    }
                }
                _ => self.child(kind, order, &Job::Group(group))?,
            }
            eprintln!(
                "{:>6.0} s  run {} of {}, {}, {}, {}: {:.1} s",
                self.begin.elapsed().as_secs_f64(),
                run + 1,
                self.args.runs,
                group.name(),
                order.title(),
                kind.title(),
                begin.elapsed().as_secs_f64(),
            );
        }
        Ok(())
    }

    fn start(&self, kind: Kind, order: Order, job: &Job) -> Result<Child> {
        let args = self.args;
        Command::new(std::env::current_exe()?)
            .args(["child", &job.name()])
            .args(["--engine", kind.name()])
            .args(["--order", order.name()])
            .args(["--rows", &args.rows.join(",")])
            .args(["--count", &args.count.to_string()])
            .args(["--cache", &args.cache_len.to_string()])
            .args(["--bounded-cache", &args.bounded_cache_len.to_string()])
            .arg("--dir")
            .arg(&args.dir)
            .stdout(Stdio::piped())
            .spawn()
    }

    fn child(&mut self, kind: Kind, order: Order, job: &Job) -> Result<()> {
        let mut child = self.start(kind, order, job)?;
        let mut told = Vec::new();
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            if let Some(event) = Event::from_line(&line?) {
                told.push(event);
            }
        }
        let status = child.wait()?;
        let mut missing = |make: &dyn Fn() -> Told| {
            let Job::Group(group) = job else { return };
            let tells = |row: &Row| told.iter().any(|event| event.row == row.name);
            let rows = group.rows().filter(|row| row.orders.contains(&order));
            let rows: Vec<_> = rows.filter(|row| !tells(row)).collect();
            told.extend(rows.into_iter().map(|row| Event {
                engine: kind.name().to_owned(),
                row: row.name.to_owned(),
                order,
                count: 0,
                told: make(),
            }));
        };
        let bounded = *job == Job::Group(Group::Bounded);
        if bounded {
            bounded::leave(kind.name());
        }
        if bounded && status.signal() == Some(9) {
            missing(&|| Told::Note("out of the memory it is given".to_owned()));
        } else if !status.success() {
            missing(&|| Told::Wrong(format!("the process ended with {status}")));
        }
        // What was told before a failure stands.
        for event in told {
            self.keep(event)?;
        }
        Ok(())
    }

    fn keep(&mut self, event: Event) -> Result<()> {
        let wanted = self.args.wants(&event.row) || matches!(event.told, Told::Wrong(_));
        if wanted {
            writeln!(self.record, "{}", event.to_line())?;
            self.events.push(event);
        }
        Ok(())
    }

    /// Lets a child write, kills it in the middle, and has another one open what it left.
    fn kill(&mut self, kind: Kind, order: Order, durable: bool, run: usize) -> Result<()> {
        let mut child = self.start(kind, order, &Job::KillWriter { durable })?;
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut acknowledged = 0;
        let mut hear = |line: Result<String>| {
            // The last line may have been cut by the kill; then it is shorter, and claims less.
            acknowledged = acknowledged.max(line.ok()?.parse::<usize>().ok()?);
            Some(())
        };
        if let Some(line) = lines.next() {
            hear(line);
        }
        let wait = Duration::from_millis(if durable { 1000 } else { 200 } + 70 * run as u64);
        let killed = std::thread::scope(|scope| {
            let child = &mut child;
            let killer = scope.spawn(move || {
                std::thread::sleep(wait);
                child.kill()
            });
            lines.for_each(|line| {
                hear(line);
            });
            killer.join().expect("it sleeps and kills")
        });
        killed?;
        let status = child.wait()?;
        if status.signal() != Some(9) {
            return self.keep(Event {
                engine: kind.name().to_owned(),
                row: "open-killed-durable".to_owned(),
                order,
                count: 0,
                told: Told::Wrong(format!(
                    "the writer ended with {status}, before it was killed"
                )),
            });
        }
        let job = Job::KillCheck {
            durable,
            acknowledged,
        };
        self.child(kind, order, &job)
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engine = self.kind().map_or(FLOOR, Kind::title);
        write!(f, "{engine}, {}, {}", self.row, self.order.title())
    }
}
