//! An inventory: articles with a unique number on each of their packages, stock in several warehouses, and who is low on what.
//!
//! `cargo run -p entidb --example inventory`

#![expect(clippy::print_stdout, reason = "an example says what it has done")]

use entidb::{Collection, Database, Entity, EntityId, Error, ErrorKind, Result, Transaction};
use serde::{Deserialize, Serialize};

/// An article, found by the number on its package, by name, and by tag.
#[derive(Entity, Serialize, Deserialize, Clone)]
#[entity(collection = "articles")]
struct Article {
    #[entity(id)]
    id: EntityId,
    /// No two articles have the same.
    #[entity(unique)]
    ean: String,
    #[entity(index, ignore_case)]
    name: String,
    /// Found by each of them.
    #[entity(index)]
    tags: Vec<String>,
}

/// How much of an article is in a warehouse: one entity for each pair, found by warehouse in the order of the count.
#[derive(Entity, Serialize, Deserialize)]
#[entity(
    collection = "stock",
    unique(warehouse, article),
    index(warehouse, count)
)]
struct Stock {
    #[entity(id)]
    id: EntityId,
    warehouse: String,
    article: EntityId,
    count: u32,
}

struct Inventory {
    db: Database,
    articles: Collection<Article>,
    stock: Collection<Stock>,
}

impl Inventory {
    fn open(db: Database) -> Result<Self> {
        Ok(Self {
            articles: db.collection()?,
            stock: db.collection()?,
            db,
        })
    }

    /// Takes articles in.
    fn receive(&self, warehouse: &str, article: EntityId, count: u32) -> Result<()> {
        self.db
            .write(|tx| self.add(tx, warehouse, article, i64::from(count)))
    }

    /// Moves articles from one warehouse to another: both counts change, or neither.
    fn transfer(&self, article: EntityId, from: &str, to: &str, count: u32) -> Result<()> {
        self.db.write(|tx| {
            self.add(tx, from, article, -i64::from(count))?;
            self.add(tx, to, article, i64::from(count))
        })
    }

    /// Changes a count, within a transaction. The first articles of their kind in a warehouse make its entity.
    fn add(&self, tx: &mut Transaction, warehouse: &str, article: EntityId, by: i64) -> Result<()> {
        let mut all = self.stock.within(tx);
        let found = all
            .by(Stock::WAREHOUSE_ARTICLE)?
            .get((warehouse, article))?;
        let mut stock = found.unwrap_or_else(|| Stock {
            id: EntityId::new(),
            warehouse: warehouse.to_owned(),
            article,
            count: 0,
        });
        let count = u32::try_from(i64::from(stock.count) + by);
        stock.count = count.map_err(|_| Error::other(format!("{warehouse} has too few")))?;
        all.put(&stock)
    }

    /// What a warehouse has fewer than `count` of, the least first, with the articles' names.
    fn low(&self, warehouse: &str, count: u32) -> Result<Vec<(String, u32)>> {
        let low = self.stock.by(Stock::WAREHOUSE_COUNT)?;
        let low = low.leading((warehouse,)).range(..count).to_vec()?;
        let followed = self.articles.follow(&low, |stock| stock.article)?;
        let line = |(stock, article): (&Stock, Option<Article>)| {
            (
                article.map_or_else(|| "?".to_owned(), |article| article.name),
                stock.count,
            )
        };
        Ok(followed.into_iter().map(line).collect())
    }
}

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("entidb-inventory-{}", std::process::id()));
    let inventory = Inventory::open(Database::open(&folder)?)?;
    let article = |ean: &str, name: &str, tags: &[&str]| Article {
        id: EntityId::new(),
        ean: ean.to_owned(),
        name: name.to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    let hammer = article("4006381333931", "Hammer", &["tool", "steel"]);
    let nails = article("4006381333948", "Nails, 100", &["steel", "small"]);
    inventory.articles.insert_many([&hammer, &nails])?;

    // The number of another article is refused, and who has it is told.
    let wrong = article("4006381333931", "Pliers", &["tool"]);
    match inventory.articles.insert(&wrong) {
        Err(error) if error.kind() == ErrorKind::Duplicate => {
            assert_eq!(error.duplicate().map(|of| of.holder), Some(hammer.id));
            println!("{error}");
        }
        other => panic!("two articles of one number: {other:?}"),
    }

    inventory.receive("north", hammer.id, 12)?;
    inventory.receive("north", nails.id, 300)?;
    inventory.receive("south", hammer.id, 2)?;
    inventory.transfer(nails.id, "north", "south", 1)?;
    assert!(inventory.transfer(hammer.id, "south", "north", 5).is_err());

    let found = inventory.articles.by(Article::EAN)?.get("4006381333948")?;
    println!("on the package: {:?}", found.map(|article| article.name));
    let steel = inventory.articles.by(Article::TAGS)?.all("steel");
    println!("of steel: {} articles", steel.count()?);
    for article in inventory.articles.by(Article::NAME)?.prefix("ham") {
        println!("beginning with ham: {}", article?.name);
    }
    for (name, count) in inventory.low("south", 10)? {
        println!("low in the south: {name}, {count}");
    }
    assert_eq!(
        inventory.low("south", 10)?,
        [("Nails, 100".to_owned(), 1), ("Hammer".to_owned(), 2)]
    );
    inventory.db.close()?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}
