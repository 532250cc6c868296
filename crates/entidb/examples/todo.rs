//! A to-do list: tasks in lists, on the command line.
//!
//! ```sh
//! cargo run -p entidb --example todo                          # a short tour, in a folder that is removed again
//! cargo run -p entidb --example todo -- todo.entidb add home "water the plants"
//! cargo run -p entidb --example todo -- todo.entidb show
//! cargo run -p entidb --example todo -- todo.entidb done home 1
//! cargo run -p entidb --example todo -- todo.entidb tidy
//! ```

#![expect(clippy::print_stdout, reason = "a program for the command line")]

use std::path::Path;

use entidb::{Collection, Database, Entity, EntityId, Error, Result};
use serde::{Deserialize, Serialize};

/// A list, known by its name.
#[derive(Entity, Serialize, Deserialize)]
#[entity(collection = "lists")]
struct List {
    #[entity(id)]
    name: String,
    /// The number that its next task gets.
    next: u32,
}

/// A task. New ids rise, so tasks are walked through in the order in which they were added.
#[derive(Entity, Serialize, Deserialize)]
#[entity(collection = "tasks", unique(list, number))]
struct Task {
    #[entity(id)]
    id: EntityId,
    /// The list that it is in.
    list: EntityId,
    number: u32,
    what: String,
    #[serde(default)]
    done: bool,
}

/// The to-do list.
struct Todo {
    db: Database,
    lists: Collection<List>,
    tasks: Collection<Task>,
}

impl Todo {
    fn open(folder: &Path) -> Result<Self> {
        let db = Database::open(folder)?;
        Ok(Self {
            lists: db.collection()?,
            tasks: db.collection()?,
            db,
        })
    }

    /// Adds a task, and the list if it is new: both or neither, and no number twice.
    fn add(&self, list: &str, what: &str) -> Result<u32> {
        self.db.write(|tx| {
            let found = self.lists.within(tx).get(list)?;
            let mut list = found.unwrap_or_else(|| List {
                name: list.to_owned(),
                next: 1,
            });
            let number = list.next;
            list.next += 1;
            self.lists.within(tx).put(&list)?;
            self.tasks.within(tx).insert(&Task {
                id: EntityId::new(),
                list: list.id(),
                number,
                what: what.to_owned(),
                done: false,
            })?;
            Ok(number)
        })
    }

    /// Ticks a task off.
    fn done(&self, list: &str, number: u32) -> Result<Task> {
        let list = EntityId::from_key(list);
        let task = self.tasks.by(Task::LIST_NUMBER)?.get((list, number))?;
        let task = task.ok_or_else(|| Error::other(format!("there is no task {number}")))?;
        let done = self.tasks.update(task.id, |task| task.done = true)?;
        done.ok_or_else(|| Error::other("the task was deleted meanwhile"))
    }

    /// All tasks, each with its list.
    fn show(&self) -> Result<Vec<String>> {
        let tasks: Vec<Task> = self.tasks.iter().collect::<Result<_>>()?;
        let followed = self.lists.follow(&tasks, |task| task.list)?;
        let line = |(task, list): (&Task, Option<List>)| {
            let tick = if task.done { 'x' } else { ' ' };
            let list = list.map_or_else(|| "?".to_owned(), |list| list.name);
            format!("[{tick}] {list} {}: {}", task.number, task.what)
        };
        Ok(followed.into_iter().map(line).collect())
    }

    /// Deletes what is done, as one transaction.
    fn tidy(&self) -> Result<usize> {
        self.db.write(|tx| {
            let mut tasks = self.tasks.within(tx);
            let all: Vec<Task> = tasks.iter()?.collect::<Result<_>>()?;
            let done = all.iter().filter(|task| task.done);
            done.map(|task| tasks.delete(task.id).map(usize::from))
                .sum()
        })
    }
}

fn tour() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("entidb-todo-{}", std::process::id()));
    let todo = Todo::open(&folder)?;
    assert_eq!(todo.add("home", "water the plants")?, 1);
    assert_eq!(todo.add("home", "call Ann")?, 2);
    assert_eq!(todo.add("work", "write the report")?, 1);
    todo.done("home", 1)?;
    for line in todo.show()? {
        println!("{line}");
    }
    assert_eq!(todo.tidy()?, 1);
    todo.db.close()?;

    let todo = Todo::open(&folder)?;
    assert_eq!(
        todo.show()?,
        ["[ ] home 2: call Ann", "[ ] work 1: write the report"]
    );
    todo.db.close()?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().map_err(Error::other);
    match arguments.as_slice() {
        [] => tour(),
        [folder, "show"] => {
            for line in Todo::open(folder.as_ref())?.show()? {
                println!("{line}");
            }
            Ok(())
        }
        [folder, "add", list, what] => {
            let number = Todo::open(folder.as_ref())?.add(list, what)?;
            println!("{list} {number}");
            Ok(())
        }
        [folder, "done", list, task] => {
            let task = Todo::open(folder.as_ref())?.done(list, number(task)?)?;
            println!("done: {}", task.what);
            Ok(())
        }
        [folder, "tidy"] => {
            println!("{} deleted", Todo::open(folder.as_ref())?.tidy()?);
            Ok(())
        }
        _ => Err(Error::other(
            "usage: todo [FOLDER show | add LIST TASK | done LIST NUMBER | tidy]",
        )),
    }
}
