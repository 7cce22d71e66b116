"""The same four operations as a FastAPI service keeps them: tokens by HMAC, one statement by asyncpg each."""

import hashlib
import os
import secrets
import time
import uuid
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Annotated

import asyncpg
import jwt
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

KEY = secrets.token_bytes(32)

SCHEMA = """
CREATE TABLE IF NOT EXISTS peer_sessions (session_id UUID PRIMARY KEY, account_id UUID NOT NULL, token_hash BYTEA NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS peer_tasks (
    owner_id UUID NOT NULL, task_id UUID NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL,
    completed BOOLEAN NOT NULL, priority SMALLINT NOT NULL, tags TEXT[] NOT NULL, due DATE,
    create_time TIMESTAMPTZ NOT NULL, update_time TIMESTAMPTZ NOT NULL, PRIMARY KEY (owner_id, task_id));
CREATE INDEX IF NOT EXISTS peer_tasks_by_newest ON peer_tasks (owner_id, create_time, task_id);
"""
COLUMNS = "task_id AS id, title, description, completed, priority, tags, due, create_time, update_time"


class NewTask(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=10_000)
    priority: int = Field(2, ge=1, le=3)
    tags: list[str] = Field([], max_length=20)
    due: date | None = None


class Task(NewTask):
    id: uuid.UUID
    completed: bool
    create_time: datetime
    update_time: datetime


class Page(BaseModel):
    tasks: list[Task]


class Refresh(BaseModel):
    refresh_token: str


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    expires_in: int = 300


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], host=os.environ["DATABASE_HOST"], max_size=16) as pool:
        await pool.execute(SCHEMA)
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


def access_token(account: uuid.UUID) -> str:
    return jwt.encode({"sub": str(account), "aud": "peer", "exp": int(time.time()) + 3600}, KEY, "HS256")


def caller(request: Request) -> uuid.UUID:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise jwt.InvalidTokenError
        return uuid.UUID(jwt.decode(token, KEY, ["HS256"], audience="peer")["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None


Caller = Annotated[uuid.UUID, Depends(caller)]


@app.post("/register")
async def register() -> Tokens:
    account, token = uuid.uuid4(), secrets.token_urlsafe(32)
    insert = "INSERT INTO peer_sessions VALUES ($1, $2, $3)"
    await app.state.pool.execute(insert, uuid.uuid4(), account, hashlib.sha256(token.encode()).digest())
    return Tokens(access_token=access_token(account), refresh_token=token)


@app.post("/refresh")
async def refresh(body: Refresh) -> Tokens:
    token = secrets.token_urlsafe(32)
    update = "UPDATE peer_sessions SET token_hash = $2 WHERE token_hash = $1 RETURNING account_id"
    old, new = (hashlib.sha256(text.encode()).digest() for text in (body.refresh_token, token))
    account = await app.state.pool.fetchval(update, old, new)
    if account is None:
        raise HTTPException(401)
    return Tokens(access_token=access_token(account), refresh_token=token)


@app.post("/tasks", status_code=201)
async def create(task: NewTask, owner: Caller) -> Task:
    insert = f"""INSERT INTO peer_tasks VALUES ($1, $2, $3, $4, FALSE, $5, $6, $7, now(), now()) RETURNING {COLUMNS}"""
    values = (uuid.uuid4(), task.title, task.description, task.priority, task.tags, task.due)
    return Task(**await app.state.pool.fetchrow(insert, owner, *values))


@app.get("/tasks/{task_id}")
async def get(task_id: uuid.UUID, owner: Caller) -> Task:
    row = await app.state.pool.fetchrow(f"SELECT {COLUMNS} FROM peer_tasks WHERE owner_id = $1 AND task_id = $2", owner, task_id)
    if row is None:
        raise HTTPException(404)
    return Task(**row)


@app.get("/tasks")
async def page(owner: Caller) -> Page:
    select = f"SELECT {COLUMNS} FROM peer_tasks WHERE owner_id = $1 ORDER BY create_time DESC, task_id DESC LIMIT 50"
    return Page(tasks=[Task(**row) for row in await app.state.pool.fetch(select, owner)])
