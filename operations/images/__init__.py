"""Operations on still and animated images."""
