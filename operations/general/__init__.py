"""Operations on any medium."""
