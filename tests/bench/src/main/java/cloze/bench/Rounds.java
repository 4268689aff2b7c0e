package cloze.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleSupplier;

/**
 * Measures of two sides that took turns, so that both saw the same machine.
 *
 * @param ours median ns of ours
 * @param peer median ns of the peer's
 * @param ratio median of peer over ours, round by round; more than 1 is faster
 * @param count of rounds
 */
public record Rounds(double ours, double peer, double ratio, int count) {
    /** Takes turns until the time is up, but at least {@code least} rounds. Each side returns its ns. */
    static Rounds alternate(double seconds, int least, DoubleSupplier ours, DoubleSupplier peer) {
        List<double[]> rounds = new ArrayList<>();
        long end = System.nanoTime() + (long) (seconds * 1e9);
        while (rounds.size() < least || System.nanoTime() < end) {
            double first = ours.getAsDouble();
            double second = peer.getAsDouble();
            rounds.add(new double[] {first, second, second / first});
        }
        return new Rounds(median(rounds, 0), median(rounds, 1), median(rounds, 2), rounds.size());
    }

    private static double median(List<double[]> rounds, int column) {
        double[] sorted = rounds.stream().mapToDouble(round -> round[column]).toArray();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
