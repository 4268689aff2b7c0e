package cloze.setting;

import java.util.Collection;
import java.util.Comparator;
import org.jspecify.annotations.Nullable;

/** Finds the known word closest to a misspelt one. */
public final class Nearest {
    private Nearest() {}

    /** The nearest by edits, or null if none is near. */
    public static @Nullable String to(String word, Collection<String> known) {
        int near = Math.max(2, word.length() / 3);
        return known.stream()
                .filter(name -> name.length() > 2) // not -h, which is near everything short
                .min(Comparator.<String>comparingInt(name -> distance(word, name))
                        .thenComparing(Comparator.naturalOrder()))
                .filter(name -> distance(word, name) <= near || extension(word, name))
                .orElse(null);
    }

    private static boolean extension(String word, String name) {
        return word.length() > 3 && name.startsWith(word);
    }

    /** Insertions, deletions, replacements and swaps of neighbours that make {@code b} of {@code a}. */
    private static int distance(String a, String b) {
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int replaced = d[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                d[i][j] = Math.min(replaced, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
                boolean swapped =
                        i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1);
                if (swapped) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.length()][b.length()];
    }
}
