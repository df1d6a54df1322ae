"""Operations on sounds."""
