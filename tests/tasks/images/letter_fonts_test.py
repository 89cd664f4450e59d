import unicodedata

from absl.testing import absltest

from tfmeta.tasks.images import letter_fonts


class CandidatesTest(absltest.TestCase):
    def test_letters_are_not_composed_of_others(self):
        for character in "aЖא":
            self.assertTrue(letter_fonts.is_candidate(character), character)
        for character in "é1+ʰﬁ𝐴 ":
            self.assertFalse(
                letter_fonts.is_candidate(character),
                unicodedata.name(character),
            )


if __name__ == "__main__":
    absltest.main()
