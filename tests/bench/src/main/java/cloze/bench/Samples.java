package cloze.bench;

import java.util.Random;

/** Reproducible data for both sides. */
public final class Samples {
    private final Random random;

    public Samples(long seed) {
        random = new Random(seed);
    }

    /** Normal values with that standard deviation. */
    public float[] normal(int count, double std) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * std);
        }
        return values;
    }

    /** Integers in [0, bound). */
    public int[] below(int bound, int count) {
        return random.ints(count, 0, bound).toArray();
    }

    /** For each of {@code rows} rows, 0 to {@code count - 1} in random order. */
    public int[] orders(int rows, int count) {
        var orders = new int[rows * count];
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < count; i++) {
                int other = random.nextInt(i + 1);
                orders[row * count + i] = orders[row * count + other];
                orders[row * count + other] = i;
            }
        }
        return orders;
    }
}
