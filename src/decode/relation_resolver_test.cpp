#include "decode/relation_resolver.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "decode/type_finder.h"

namespace luge {
namespace {

constexpr Oid kMoodOid = 16500;
constexpr Oid kPositiveOid = 16501;
constexpr Oid kNumeric12Point2 = pg_oid::kNumeric;
constexpr std::int32_t kTypmod12Point2 = ((12 << 16) | 2) + 4;

std::shared_ptr<const PgType> mood() {
  PgType type;
  type.oid = kMoodOid;
  type.schema = "public";
  type.name = "mood";
  type.kind = 'e';
  return std::make_shared<const PgType>(type);
}

std::shared_ptr<const PgType> positive() {  // a domain over int4
  PgType type;
  type.oid = kPositiveOid;
  type.schema = "public";
  type.name = "positive";
  type.kind = 'd';
  type.base = builtin_type(pg_oid::kInt4);
  return std::make_shared<const PgType>(type);
}

CatalogColumn column(std::int16_t attnum, std::string name, std::shared_ptr<const PgType> type, std::int32_t typmod = -1) {
  CatalogColumn out;
  out.attnum = attnum;
  out.name = std::move(name);
  out.dropped = type == nullptr;
  out.type = std::move(type);
  out.typmod = typmod;
  return out;
}

CatalogTable orders() {
  CatalogTable table;
  table.oid = 16384;
  table.name = {"public", "orders"};
  table.columns = {column(1, "id", builtin_type(pg_oid::kInt8)), column(2, "........pg.dropped.2........", nullptr), column(3, "feeling", mood()),
                   column(4, "amount", builtin_type(kNumeric12Point2), kTypmod12Point2), column(5, "count", positive())};
  table.primary_key = {1};
  table.identity_index = {4};
  return table;
}

RelationMessage orders_message(ReplicaIdentity identity = ReplicaIdentity::key) {
  RelationMessage message;
  message.oid = 16384;
  message.name = {"public", "orders"};
  message.identity = identity;
  const bool full = identity == ReplicaIdentity::full;
  message.columns = {{"id", pg_oid::kInt8, -1, full || identity == ReplicaIdentity::key},
                     {"feeling", kMoodOid, -1, full},
                     {"amount", kNumeric12Point2, kTypmod12Point2, full || identity == ReplicaIdentity::index},
                     {"count", kPositiveOid, -1, full}};
  return message;
}

TableSchemaPtr resolve(const RelationMessage& relation, const CatalogTable& catalog, const TableSchema* previous = nullptr) {
  auto schema = resolve_relation(relation, catalog, previous, nullptr);
  EXPECT_TRUE(schema) << schema.error().message();
  return schema ? *schema : std::make_shared<TableSchema>();
}

TEST(ResolveRelation, GivesAttnumsTypesAndValues) {
  const TableSchemaPtr schema = resolve(orders_message(), orders());
  EXPECT_EQ(schema->oid, 16384U);
  EXPECT_EQ(schema->name, (TableName{"public", "orders"}));
  EXPECT_EQ(schema->identity, ReplicaIdentity::key);
  ASSERT_EQ(schema->columns.size(), 4U);
  EXPECT_EQ(schema->columns[0].attnum, 1);
  EXPECT_EQ(schema->columns[0].value.kind, ValueKind::int64);
  EXPECT_TRUE(schema->columns[0].in_identity);
  EXPECT_EQ(schema->columns[1].attnum, 3);
  EXPECT_EQ(schema->columns[1].type->oid, kMoodOid);
  EXPECT_EQ(schema->columns[1].value.kind, ValueKind::text);
  EXPECT_EQ(schema->columns[2].attnum, 4);
  EXPECT_EQ(schema->columns[2].typmod, kTypmod12Point2);
  EXPECT_EQ(to_string(schema->columns[2].value), "decimal(12,2)");
  EXPECT_EQ(schema->columns[3].type->oid, kPositiveOid);  // a domain stays a domain
  EXPECT_EQ(schema->columns[3].value.kind, ValueKind::int32);
  EXPECT_EQ(schema->key_columns, (std::vector<std::uint16_t>{0}));
}

TEST(ResolveRelation, TakesNameAndColumnsFromTheStream) {
  CatalogTable ahead = orders();
  ahead.name = {"archive", "old_orders"};
  ahead.columns[2].name = "temper";
  const TableSchemaPtr before = resolve(orders_message(), orders());
  const TableSchemaPtr schema = resolve(orders_message(), ahead, before.get());
  EXPECT_EQ(schema->name, (TableName{"public", "orders"}));
  EXPECT_EQ(schema->columns[1].name, "feeling");
  EXPECT_EQ(schema->columns[1].attnum, 3);
}

TEST(ResolveRelation, KeysFollowTheReplicaIdentity) {
  using Keys = std::vector<std::uint16_t>;
  EXPECT_EQ(resolve(orders_message(ReplicaIdentity::key), orders())->key_columns, Keys{0});
  EXPECT_EQ(resolve(orders_message(ReplicaIdentity::index), orders())->key_columns, Keys{2});
  EXPECT_EQ(resolve(orders_message(ReplicaIdentity::full), orders())->key_columns, Keys{0});  // the primary key, not all of them
  EXPECT_TRUE(resolve(orders_message(ReplicaIdentity::nothing), orders())->keyless());

  RelationMessage no_key = orders_message(ReplicaIdentity::key);
  no_key.columns[0].in_identity = false;  // a table without a primary key
  EXPECT_TRUE(resolve(no_key, orders())->keyless());

  CatalogTable without = orders();
  without.primary_key.clear();
  EXPECT_TRUE(resolve(orders_message(ReplicaIdentity::full), without)->keyless());

  CatalogTable unpublished = orders();
  unpublished.primary_key = {1, 5};
  unpublished.published_columns = {"id", "feeling", "amount"};
  RelationMessage three = orders_message(ReplicaIdentity::full);
  three.columns.pop_back();
  EXPECT_TRUE(resolve(three, unpublished)->keyless());
}

TEST(ResolveRelation, PartOfAKeyIdentifiesNothing) {
  CatalogTable unpublished = orders();
  unpublished.primary_key = {1, 5};
  unpublished.published_columns = {"id", "feeling", "amount"};
  RelationMessage three = orders_message();
  three.columns.pop_back();
  EXPECT_TRUE(resolve(three, unpublished)->keyless()) << "the flags of the message show the published part only";

  CatalogTable changed_since = orders();  // count was added to table and key after the message
  changed_since.primary_key = {1, 5};
  EXPECT_EQ(resolve(three, changed_since)->key_columns, std::vector<std::uint16_t>{0});
}

TEST(ResolveRelation, FullOfARootSaysNoMoreThanItsLeaves) {
  CatalogTable partitioned = orders();
  partitioned.kind = 'p';
  partitioned.identity = ReplicaIdentity::full;
  partitioned.odd_leaves = {{{"public", "orders_1"}, ReplicaIdentity::key, {"id"}, {}}};
  for (const TableSchemaPtr& schema : {resolve(orders_message(ReplicaIdentity::full), partitioned), *schema_from_catalog(partitioned, nullptr)}) {
    EXPECT_EQ(schema->identity, ReplicaIdentity::key);
    EXPECT_TRUE(schema->columns[0].in_identity);
    EXPECT_FALSE(schema->columns[1].in_identity);
    EXPECT_EQ(schema->key_columns, std::vector<std::uint16_t>{0});
  }
  partitioned.primary_key.clear();
  EXPECT_TRUE(resolve(orders_message(ReplicaIdentity::full), partitioned)->keyless());
  EXPECT_NE(resolve(orders_message(ReplicaIdentity::full), partitioned)->identity, ReplicaIdentity::full);
}

TEST(ResolveRelation, TakesATypeOfTheShapeBefore) {
  const TableSchemaPtr before = resolve(orders_message(), orders());
  CatalogTable ahead = orders();
  ahead.columns[2].type = builtin_type(pg_oid::kText);  // mood is gone from the table
  const TableSchemaPtr schema = resolve(orders_message(), ahead, before.get());
  EXPECT_EQ(schema->columns[1].type->name, "mood");
}

TEST(ResolveRelation, TakesABuiltInTypeThatNobodyShowsAnyMore) {
  RelationMessage older = orders_message();
  older.columns[1].type_oid = pg_oid::kVarchar;
  older.columns[1].typmod = 24;
  const TableSchemaPtr schema = resolve(older, orders());
  EXPECT_EQ(schema->columns[1].type->name, "varchar");
  EXPECT_EQ(schema->columns[1].attnum, 3);
}

void expect_ambiguous(const RelationMessage& relation, const CatalogTable& catalog, const TableSchema* previous, std::string_view why) {
  const auto schema = resolve_relation(relation, catalog, previous, nullptr);
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().code, "ambiguous_schema");
  EXPECT_EQ(schema.error().recovery, Recovery::quarantine_table);
  EXPECT_NE(schema.error().what.find("public.orders"), std::string::npos);
  EXPECT_NE(schema.error().what.find(why), std::string::npos) << schema.error().what;
  EXPECT_EQ(schema.error().hint, "luge resync public.orders");
}

TEST(ResolveRelation, AnUnknownTypeIsAmbiguous) {
  RelationMessage older = orders_message();
  older.columns[1].type_oid = 17000;  // an enum that was dropped since
  expect_ambiguous(older, orders(), nullptr, "OID 17000");
}

TEST(ResolveRelation, SeveralHistoriesAreAmbiguous) {
  const TableSchemaPtr before = resolve(orders_message(), orders());
  CatalogTable again = orders();
  again.columns[4] = column(5, "........pg.dropped.5........", nullptr);
  again.columns.push_back(column(6, "count", positive()));
  expect_ambiguous(orders_message(), again, before.get(), "dropped and added");
}

TEST(ResolveRelation, UncommittedColumnsTakeTheNextAttnums) {
  RelationMessage wide = orders_message();
  wide.columns.push_back({"x", pg_oid::kInt4, -1, false});
  wide.columns.push_back({"y", 17001, -1, false});
  expect_ambiguous(wide, orders(), nullptr, "OID 17001");
  CatalogTable catalog = orders();
  PgType uncommitted;
  uncommitted.oid = 17001;
  uncommitted.name = "of_the_stream";
  catalog.types.push_back(std::make_shared<const PgType>(uncommitted));
  const TableSchemaPtr schema = resolve(wide, catalog);
  ASSERT_EQ(schema->columns.size(), 6U);
  EXPECT_EQ(schema->columns[4].attnum, 6);
  EXPECT_EQ(schema->columns[5].attnum, 7);
  EXPECT_EQ(schema->columns[5].type->name, "of_the_stream");
}

TEST(ResolveRelation, KeepsWhatIsKnownOfTheNewestAttnum) {
  EXPECT_EQ(resolve(orders_message(), orders())->newest_attnum, 5);  // nothing above the message's last column
  CatalogTable ahead = orders();
  ahead.columns.push_back(column(6, "x", builtin_type(pg_oid::kInt4)));
  const TableSchemaPtr first = resolve(orders_message(), ahead);
  EXPECT_EQ(first->newest_attnum, 5);  // x is newer than the message
  ahead.columns[5] = column(6, "........pg.dropped.6........", nullptr);
  EXPECT_EQ(resolve(orders_message(), ahead)->newest_attnum, 0);  // is it older or newer?
  EXPECT_EQ(resolve(orders_message(), ahead, first.get())->newest_attnum, 5);
  RelationMessage wide = orders_message();
  wide.columns.push_back({"x", pg_oid::kInt4, -1, false});
  const TableSchemaPtr second = resolve(wide, ahead, first.get());  // it was there, and was dropped since
  ASSERT_EQ(second->columns.size(), 5U);
  EXPECT_EQ(second->columns[4].attnum, 6);
  EXPECT_EQ(second->newest_attnum, 6);
  EXPECT_EQ(resolve(orders_message(), ahead, second.get())->newest_attnum, 6);

  const auto copied = schema_from_catalog(ahead, nullptr);
  ASSERT_TRUE(copied);
  EXPECT_EQ((*copied)->newest_attnum, 6);  // a copy reads the catalog of its own snapshot
}

TEST(ResolveRelation, ATableThatIsGoneIsReadWithItsLastShape) {
  const TableSchemaPtr before = resolve(orders_message(), orders());
  CatalogTable gone;
  gone.oid = 16384;
  gone.name = {"public", "orders"};
  EXPECT_TRUE(same_shape(*resolve(orders_message(), gone, before.get()), *before));
  expect_ambiguous(orders_message(), gone, nullptr, "is gone");
}

TEST(ResolveRelation, AsksForTheOptionsOfEveryColumn) {
  std::vector<std::string> asked;
  const auto schema = resolve_relation(orders_message(), orders(), nullptr, [&](const TableName& table, const std::string& name, const PgType& type) {
    asked.push_back(to_string(table) + "." + name + ":" + type.name);
    return ColumnOptions{.as_text = name == "id"};
  });
  ASSERT_TRUE(schema);
  EXPECT_EQ(asked, (std::vector<std::string>{"public.orders.id:int8", "public.orders.feeling:mood", "public.orders.amount:numeric",
                                             "public.orders.count:positive"}));
  EXPECT_EQ((*schema)->columns[0].value.kind, ValueKind::text);
  EXPECT_EQ((*schema)->columns[3].value.kind, ValueKind::int32);
}

TEST(SchemaFromCatalog, IsWhatTheStreamWillSay) {
  for (const ReplicaIdentity identity : {ReplicaIdentity::key, ReplicaIdentity::index, ReplicaIdentity::full, ReplicaIdentity::nothing}) {
    CatalogTable catalog = orders();
    catalog.identity = identity;
    const auto copied = schema_from_catalog(catalog, nullptr);
    ASSERT_TRUE(copied);
    const TableSchemaPtr streamed = resolve(orders_message(identity), catalog);
    EXPECT_TRUE(same_shape(**copied, *streamed)) << static_cast<char>(identity);
    EXPECT_EQ((*copied)->key_columns, streamed->key_columns);
    EXPECT_EQ((*copied)->identity, identity);
    ASSERT_EQ((*copied)->columns.size(), streamed->columns.size());
    for (std::size_t i = 0; i < streamed->columns.size(); ++i) EXPECT_EQ((*copied)->columns[i].in_identity, streamed->columns[i].in_identity) << i;
  }
}

TEST(SchemaFromCatalog, LeavesOutWhatIsNotPublished) {
  CatalogTable catalog = orders();
  catalog.columns[3].generated = true;
  auto schema = schema_from_catalog(catalog, nullptr);
  ASSERT_TRUE(schema);
  ASSERT_EQ((*schema)->columns.size(), 3U);
  EXPECT_EQ((*schema)->columns[2].name, "count");

  catalog.published_columns = {"amount", "id"};  // a list that names the generated column publishes it (18)
  schema = schema_from_catalog(catalog, nullptr);
  ASSERT_TRUE(schema);
  ASSERT_EQ((*schema)->columns.size(), 2U);
  EXPECT_EQ((*schema)->columns[0].name, "id");
  EXPECT_EQ((*schema)->columns[1].name, "amount");

  catalog.published_columns = {"amount"};
  schema = schema_from_catalog(catalog, nullptr);
  ASSERT_TRUE(schema);
  EXPECT_TRUE((*schema)->keyless());  // a key that is not published identifies nothing
}

TEST(SchemaFromCatalog, WithoutATypeIsAnError) {
  CatalogTable catalog = orders();
  catalog.columns[2].type = nullptr;
  const auto schema = schema_from_catalog(catalog, nullptr);
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().recovery, Recovery::quarantine_table);
}

TEST(TypeFinder, LooksThroughDomainsAndArrays) {
  PgType array;
  array.oid = 16600;
  array.is_array = true;
  array.element = mood();
  CatalogTable catalog;
  catalog.columns = {column(1, "moods", std::make_shared<const PgType>(array)), column(2, "count", positive())};
  const TypeFinder types(catalog, nullptr);
  EXPECT_EQ(types.find(1, 16600)->element->oid, kMoodOid);
  EXPECT_EQ(types.find(1, kMoodOid)->name, "mood");
  EXPECT_EQ(types.find(2, pg_oid::kInt4)->name, "int4");
  EXPECT_EQ(types.find(7, kPositiveOid)->name, "positive");
  EXPECT_EQ(types.find(1, 99999), nullptr);
}

}  // namespace
}  // namespace luge
