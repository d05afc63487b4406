"""What each SQL statement takes (--statements), by pg_stat_statements: it costs some speed itself."""

FLAGS = ["-c", "shared_preload_libraries=pg_stat_statements",
         "-c", "pg_stat_statements.track_planning=on", "-c", "pg_stat_statements.max=1000"]


def argument(parser):
    parser.add_argument("--statements", action="store_true",
                        help="also what each SQL statement takes (costs some speed itself)")


def forget(stack):
    stack.postgres.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public;"
                         "SELECT public.pg_stat_statements_reset()")


def show(stack, messages):
    """Wall time in the statement, waiting for locks and disk included."""
    print("\n   us/message   planned    calls  rows/call   WAL B/message  statement")
    for row in stack.postgres.query(
            "SELECT round(total_exec_time), round(total_plan_time), calls,"
            " round(rows::numeric / greatest(calls, 1)), round(wal_bytes),"
            " left(regexp_replace(query, '\\s+', ' ', 'g'), 90)"
            " FROM public.pg_stat_statements ORDER BY total_exec_time + total_plan_time DESC LIMIT 40"
    ).splitlines():
        ms, plan_ms, calls, rows, wal, text = row.split("|", 5)
        print(f"   {float(ms) * 1000 / messages:>10.1f}{float(plan_ms) * 1000 / messages:>10.1f}"
              f"{calls:>9}{rows:>11}{float(wal) / messages:>16.0f}  {text}")
    print("\n   rows changed   in place  table (an update in place, HOT, writes no index)")
    for row in stack.postgres.query(
            "SELECT n_tup_upd, n_tup_hot_upd, schemaname || '.' || relname FROM pg_stat_user_tables"
            " WHERE n_tup_upd > 0 ORDER BY n_tup_upd DESC LIMIT 8").splitlines():
        changed, hot, table = row.split("|")
        print(f"   {int(changed):>12,}{int(hot) / int(changed):>11.0%}  {table}")
