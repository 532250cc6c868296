//! `entidb demo`: the README's first command.

use crate::common::Place;

#[test]
fn the_demo_proves_itself_and_can_be_run_again() {
    let place = Place::new();
    for (run, words) in [(1, "Make a database"), (2, "Use the database that is here")] {
        let out = place.run(&["demo"]).ok().out;
        assert!(out.contains(words), "{run}: {out}");
        assert!(out.contains("GeoNames"), "{out}");
        assert!(
            out.contains("acknowledged commits are there, whole"),
            "{out}"
        );
        assert!(out.contains("checked: sound"), "{out}");
    }
    place.run(&["verify", "entidb-demo"]).ok();
    let collections = place.run(&["collections", "entidb-demo"]).ok().out;
    assert!(collections.contains("cities"), "{collections}");
    assert!(
        place
            .run(&["get", "entidb-demo", "countries", "key:CH"])
            .ok()
            .out
            .contains("Switzerland")
    );
}

#[test]
fn what_the_demo_says_to_try_next_works() {
    let place = Place::new();
    let out = place.run(&["demo", "a place"]).ok().out;
    let commands: Vec<_> = out
        .lines()
        .skip_while(|line| !line.contains("Try:"))
        .skip(1)
        .map(str::trim)
        .collect();
    assert_eq!(commands.len(), 5, "{out}");
    if cfg!(unix) {
        for command in commands {
            let status = std::process::Command::new("sh")
                .current_dir(place.path(""))
                .args(["-c", command])
                .output()
                .unwrap();
            assert!(status.status.success(), "{command}: {status:?}");
        }
    }
}

#[test]
fn the_demo_leaves_other_things_alone() {
    let place = Place::new();
    place.write("file", "mine");
    std::fs::create_dir(place.path("folder")).unwrap();
    place.write("folder/mine", "mine");
    place.run_with(&["put", "db", "mine", "key:a"], b"{}").ok();
    for dir in ["file", "folder", "db"] {
        place
            .run(&["demo", dir])
            .says(2, &format!("entidb demo {dir}-2"));
    }
    assert_eq!(place.read("folder/mine"), "mine");
    place
        .run(&["collections", "db"])
        .ok()
        .prints("collection  entities\nmine               1\n");
    // An empty folder will do, and so will what a first run that was killed has left.
    std::fs::create_dir(place.path("empty")).unwrap();
    place.run(&["demo", "empty"]).ok();
    place
        .run(&["delete", "empty", "cities", "key:1850147"])
        .ok();
    let out = place.run(&["demo", "empty"]).ok().out;
    assert!(out.contains("cities    6,204 entities"), "{out}");
}
