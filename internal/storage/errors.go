package storage

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tandem/internal/fault"
)

// SQLSTATE codes, PostgreSQL manual, appendix A.
const (
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func retryable(err error) bool {
	s := sqlState(err)
	return s == serializationFailure || s == deadlockDetected
}

// Duplicate says whether err is a unique violation (of the named constraint, when one is given).
func Duplicate(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == uniqueViolation && (constraint == "" || pg.ConstraintName == constraint)
}

// Referenced says whether err is a foreign-key violation.
func Referenced(err error) bool { return sqlState(err) == foreignKeyViolation }

// Missing turns "no rows" into the given not-found fault and leaves other errors as they are.
func Missing(err error, notFound *fault.Error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound
	}
	return err
}
