package cloze.text;

import java.util.Objects;

/** A text split after a line if one ends near: the first part for training, the rest for validation. */
public record TextSplit(String train, String validation) {
    /**
     * Splits after the line in which the training part reaches 1 - fraction of the characters; or between two characters
     * there, if the line is so long that a part would lose more than a quarter.
     *
     * @param fraction of the characters for validation, in [0, 1]
     */
    public static TextSplit of(String text, double fraction) {
        if (!(fraction >= 0 && fraction <= 1)) {
            throw new IllegalArgumentException("TextSplit: fraction must be in [0, 1], but is " + fraction);
        }
        Objects.requireNonNull(text, "text");
        int wanted = (int) Math.round(text.length() * (1 - fraction));
        int line = wanted == 0 ? -1 : text.indexOf('\n', wanted - 1);
        int near = Math.min(wanted, text.length() - wanted) / 4;
        int cut = line < 0 || line + 1 > wanted + near
                ? text.offsetByCodePoints(0, text.codePointCount(0, wanted))
                : line + 1;
        return new TextSplit(text.substring(0, cut), text.substring(cut));
    }
}
