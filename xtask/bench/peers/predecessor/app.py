"""The service that Latchkey replaces, as small as it was: FastAPI, SQLAlchemy, passlib, python-jose.

Configured by the environment: DATABASE_URL, JWT_SECRET_KEY, and SCHEME, which is bcrypt or argon2.
`python app.py` makes the table; uvicorn serves `app:app`.
"""

import os
from datetime import datetime, timedelta, timezone

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jose import JWTError, jwt
from passlib.context import CryptContext
from pydantic import BaseModel, EmailStr, Field
from sqlalchemy import String, create_engine, event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

SECRET = os.environ["JWT_SECRET_KEY"]
ALGORITHM = "HS256"
ACCESS_LIFE = timedelta(minutes=30)
REFRESH_LIFE = timedelta(days=1)

# A connection for each thread of FastAPI's pool: with the 15 that are usual, threads which wait for one
# keep those from running that would give one back, and 64 clients end in errors.
engine = create_engine(os.environ["DATABASE_URL"], pool_size=40, max_overflow=0)
SessionLocal = sessionmaker(bind=engine, autoflush=False)

if engine.dialect.name == "sqlite":

    @event.listens_for(engine, "connect")
    def wait_for_each_other(connection, _record):
        # As it comes, SQLite lets two writers fail instead of waiting.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA busy_timeout = 30000")


# bcrypt with passlib's own cost, 12; argon2 with Latchkey's.
passwords = CryptContext(
    schemes=[os.environ.get("SCHEME", "bcrypt")],
    argon2__type="ID",
    argon2__memory_cost=19456,
    argon2__time_cost=2,
    argon2__parallelism=1,
)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254), unique=True, index=True)
    password: Mapped[str] = mapped_column(String(255))
    age: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(timezone.utc))
    updated_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(timezone.utc))


class UserCreate(BaseModel):
    name: str = Field(min_length=5, max_length=100)
    email: EmailStr
    password: str = Field(min_length=8)
    age: int | None = Field(default=None, ge=1, le=150)


class UserLogin(BaseModel):
    email: EmailStr
    password: str


class UserResponse(BaseModel):
    user_id: int
    name: str
    email: str
    age: int | None
    created_at: datetime
    updated_at: datetime


class TokenResponse(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in: int = int(ACCESS_LIFE.total_seconds())


class AuthResponse(TokenResponse):
    user: UserResponse


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


def shown(user: User) -> UserResponse:
    return UserResponse(
        user_id=user.id,
        name=user.name,
        email=user.email,
        age=user.age,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def tokens(user_id: int) -> dict:
    def token(kind: str, life: timedelta) -> str:
        claims = {"sub": str(user_id), "type": kind, "exp": datetime.now(timezone.utc) + life}
        return jwt.encode(claims, SECRET, algorithm=ALGORITHM)

    return {
        "access_token": token("access", ACCESS_LIFE),
        "refresh_token": token("refresh", REFRESH_LIFE),
    }


def user_of(kind: str):
    def found(
        given: HTTPAuthorizationCredentials = Depends(HTTPBearer()), db: Session = Depends(get_db)
    ) -> User:
        try:
            claims = jwt.decode(given.credentials, SECRET, algorithms=[ALGORITHM])
        except JWTError:
            raise HTTPException(401, f"Invalid or expired {kind} token") from None
        user = db.get(User, int(claims["sub"])) if claims.get("type") == kind else None
        if user is None:
            raise HTTPException(401, f"Invalid or expired {kind} token")
        return user

    return found


app = FastAPI()


@app.post("/api/v1/users/signup", status_code=201, response_model=AuthResponse)
def sign_up(new: UserCreate, db: Session = Depends(get_db)):
    if db.scalar(select(User).where(User.email == new.email)):
        raise HTTPException(400, "Email already registered")
    user = User(
        name=new.name, email=new.email, password=passwords.hash(new.password[:72]), age=new.age
    )
    db.add(user)
    try:
        db.commit()
    except IntegrityError:
        raise HTTPException(400, "Email already registered") from None
    db.refresh(user)
    return AuthResponse(user=shown(user), **tokens(user.id))


@app.post("/api/v1/users/signin", response_model=AuthResponse)
def sign_in(login: UserLogin, db: Session = Depends(get_db)):
    user = db.scalar(select(User).where(User.email == login.email))
    if user is None or not passwords.verify(login.password[:72], user.password):
        raise HTTPException(401, "Invalid email or password")
    return AuthResponse(user=shown(user), **tokens(user.id))


@app.post("/api/v1/users/refresh", response_model=TokenResponse)
def refresh(user: User = Depends(user_of("refresh"))):
    return TokenResponse(**tokens(user.id))


@app.get("/api/v1/users/me", response_model=UserResponse)
def me(user: User = Depends(user_of("access"))):
    return shown(user)


@app.get("/health")
def health(db: Session = Depends(get_db)):
    db.execute(text("SELECT 1"))
    return {"status": "healthy", "database": "connected"}


if __name__ == "__main__":
    Base.metadata.create_all(engine)
