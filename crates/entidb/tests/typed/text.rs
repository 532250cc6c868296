//! Asking declared full-text indexes.

use entidb::{Database, Entity, ErrorKind, IndexKind, Migrations, Result, Value};
use serde::{Deserialize, Serialize};

use crate::memory;

#[derive(Entity, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[entity(collection = "notes", text(title, tags[], name = "words"))]
struct Note {
    #[entity(id)]
    id: String,
    title: String,
    #[entity(text)]
    body: Option<String>,
    tags: Vec<String>,
}

fn note(id: &str, title: &str, body: Option<&str>, tags: &[&str]) -> Note {
    Note {
        id: id.to_owned(),
        title: title.to_owned(),
        body: body.map(str::to_owned),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

fn filled() -> (Database, entidb::Collection<Note>) {
    let db = memory();
    let notes = db.collection::<Note>().unwrap();
    let fox = note("a", "Fox", Some("The quick brown fox jumps."), &["animals"]);
    let dog = note(
        "b",
        "Dog",
        Some("A lazy dog, and a FOX."),
        &["animals", "pets"],
    );
    let zoo = note("c", "Zoo of animals", None, &["places"]);
    notes.put_many([&fox, &dog, &zoo]).unwrap();
    (db, notes)
}

/// The keys of what was found, sorted: ids are hashes of keys, and their order means nothing.
fn keys(found: impl IntoIterator<Item = Result<Note>>) -> Vec<String> {
    let mut keys: Vec<String> = found.into_iter().map(|note| note.unwrap().id).collect();
    keys.sort();
    keys
}

#[test]
fn texts_are_found_by_their_words() {
    let (db, notes) = filled();
    let by_body = || notes.by(Note::BODY).unwrap();
    assert_eq!(keys(by_body().all_of(["fox"])), ["a", "b"]);
    assert_eq!(keys(by_body().all_of(["Fox", "quick"])), ["a"]);
    assert_eq!(keys(by_body().all_of(["a lazy fox"])), ["b"]);
    assert_eq!(keys(by_body().all_of(["fox", "cat"])), [""; 0]);
    assert_eq!(keys(by_body().any_of(["jumps", "lazy", "cat"])), ["a", "b"]);
    assert_eq!(keys(by_body().word_prefix("qui")), ["a"]);
    // Over several fields, and each element of one.
    let by_words = || notes.by(Note::WORDS).unwrap();
    assert_eq!(keys(by_words().all_of(["animals"])), ["a", "b", "c"]);
    assert_eq!(keys(by_words().all_of(["zoo", "animals", "places"])), ["c"]);
    assert_eq!(by_words().word_prefix("p").count().unwrap(), 2);
    let kinds: Vec<IndexKind> = db
        .snapshot()
        .indexes("notes")
        .iter()
        .map(|i| i.kind)
        .collect();
    assert_eq!(kinds, [IndexKind::Text; 2]);
}

#[test]
fn words_are_found_page_by_page_in_a_transaction_and_at_a_snapshot() {
    let (db, notes) = filled();
    let before = db.snapshot();
    let mut found = Vec::new();
    let mut position = None;
    loop {
        let page = notes.by(Note::WORDS).unwrap().all_of(["animals"]);
        let page = page.after(position.as_ref()).page(2).unwrap();
        found.extend(page.entities.into_iter().map(|note| note.id));
        position = page.next;
        if position.is_none() {
            break;
        }
    }
    found.sort();
    assert_eq!(found, ["a", "b", "c"]);
    db.write(|tx| {
        let mut within = notes.within(tx);
        for note in within.by(Note::BODY)?.all_of(["fox"]) {
            within.update(note?.id, |note| note.body = Some("a cat".to_owned()))?;
        }
        assert_eq!(within.by(Note::BODY)?.all_of(["fox"]).count()?, 0);
        assert_eq!(within.by(Note::BODY)?.all_of(["cat"]).count()?, 2);
        Ok(())
    })
    .unwrap();
    assert_eq!(
        keys(notes.by(Note::BODY).unwrap().word_prefix("ca")),
        ["a", "b"]
    );
    let before = before.collection::<Note>().unwrap();
    assert_eq!(
        keys(before.by(Note::BODY).unwrap().all_of(["fox"])),
        ["a", "b"]
    );
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_question_that_no_words_can_answer_is_refused() {
    let (_, notes) = filled();
    let value = notes.by(Note::BODY).unwrap().untyped();
    let error = value.equal(&Value::from("fox")).count().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn words_of_older_forms_are_found_once_they_are_migrated() {
    #[derive(Entity, Serialize, Deserialize, Debug)]
    #[entity(collection = "notes", version = 2)]
    struct NoteV2 {
        #[entity(id)]
        id: String,
        #[entity(text)]
        text: String,
    }
    let (db, _) = filled();
    let step = |old: Note| {
        let text = format!("{} {}", old.title, old.body.unwrap_or_default());
        Ok(NoteV2 { id: old.id, text })
    };
    let migrations = Migrations::new().step(1, step);
    db.migrate::<NoteV2>(migrations.clone().lazy()).unwrap();
    let notes = db.collection::<NoteV2>().unwrap();
    assert_eq!(
        notes.by(NoteV2::TEXT).err().unwrap().kind(),
        ErrorKind::Invalid
    );
    db.migrate::<NoteV2>(migrations).unwrap();
    let found = notes.by(NoteV2::TEXT).unwrap().all_of(["zoo", "animals"]);
    assert_eq!(
        found.first().unwrap().map(|note| note.id).as_deref(),
        Some("c")
    );
    assert_eq!(
        notes
            .by(NoteV2::TEXT)
            .unwrap()
            .any_of(["fox"])
            .count()
            .unwrap(),
        2
    );
}
