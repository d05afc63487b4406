// Rows as more than one statement reads them; private to pg_*.cc.
//
// Thread safety: pure functions. Nothing blocks. Errors: they throw as pg::TimeField does, for the
// enclosing pg::Transact.
#ifndef KABAR_SERVICES_TRIGGERS_PG_ROWS_H_
#define KABAR_SERVICES_TRIGGERS_PG_ROWS_H_

#include <pqxx/result>
#include <string>

#include "libs/pg/transaction.h"
#include "services/triggers/answer.h"

// Of `answers`, as AnswerOf reads them.
#define KABAR_ANSWER_FIELDS "inbound_id, message_id, run_id, contact_id, answer, body, received_at "

namespace kabar::triggers {

inline CustomerAnswer AnswerOf(const std::string& outlet, const pqxx::row& row) {
  return {.outlet_id = outlet,
          .inbound_id = pg::TextField(row[0]),
          .message_id = pg::TextField(row[1]),
          .run_id = pg::TextField(row[2]),
          .contact_id = pg::TextField(row[3]),
          .answer = static_cast<Answer>(row[4].as<int>()),
          .text = pg::TextField(row[5]),
          .time = pg::TimeField(row[6])};
}

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_PG_ROWS_H_
