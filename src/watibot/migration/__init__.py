"""Carrying conversations out of OpenAI's threads into sessions.

`cli/migrate/` calls the verbs: plan, run, verify, cutover, rollback. `crew.py` walks the
conversations with many hands; `ledger.py` says which steps are legal; each verb's file does its
step for one conversation, under the conversation's own lease, and gives back what became of it as a
value. Running a verb twice changes nothing.
"""
