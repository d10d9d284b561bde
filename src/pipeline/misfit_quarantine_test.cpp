#include "pipeline/misfit_quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace luge {
namespace {

using testing::HasSubstr;
using testing::Not;

const TableName& orders() {
  static const TableName name{"public", "orders"};
  return name;
}

TEST(MisfitQuarantine, AdvisesTextWhereTextTakesTheValue) {
  const Quarantine why = quarantine_of(orders(), {"misfit", "amount", "numeric", "the value is not a number", true}, {1, Lsn{0x1A0}, 2});
  EXPECT_EQ(
      why.reason,
      "column amount of type numeric of table public.orders at 0/1A0 has a value its destination column cannot hold exactly: the value is not a "
      "number");
  EXPECT_EQ(why.fix, "set `columns: {\"public.orders.amount\": {as: text}}` in the configuration, then luge resync public.orders");
  EXPECT_EQ(why.position.ordinal, 2U);
}

TEST(MisfitQuarantine, DoesNotAdviseTextForWhatTextRefusesToo) {
  const Quarantine why = quarantine_of(orders(), {"misfit", "note", "text", "the text is not valid UTF-8", false}, {});
  EXPECT_EQ(why.reason,
            "column note of type text of table public.orders has a value its destination column cannot hold exactly: the text is not valid UTF-8");
  EXPECT_THAT(why.fix, Not(HasSubstr("as: text")));
  EXPECT_THAT(why.fix, HasSubstr("luge resync public.orders"));
}

TEST(MisfitQuarantine, ARowThatIsNotNamedHasNoColumn) {
  const Quarantine why = quarantine_of(orders(), {"no_identity", {}, {}, "an update does not say which row it changes"}, {1, Lsn{0x1A0}, 0});
  EXPECT_EQ(why.reason, "table public.orders at 0/1A0: an update does not say which row it changes");
  EXPECT_THAT(why.fix, HasSubstr("ALTER TABLE public.orders REPLICA IDENTITY FULL"));
  EXPECT_THAT(why.fix, Not(HasSubstr("as: text")));
}

TEST(MisfitQuarantine, AnInsertWithoutAValueIsReadAgain) {
  const Quarantine why = quarantine_of(orders(), {"unchanged_insert", "note", "text", "an inserted row does not carry it"}, {1, Lsn{0x1A0}, 0});
  EXPECT_EQ(why.fix, "luge resync public.orders");
  EXPECT_THAT(why.reason, HasSubstr("column note of type text of table public.orders at 0/1A0: "));
}

}  // namespace
}  // namespace luge
