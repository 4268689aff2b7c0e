package cloze.op;

/** What more than one reference sums. */
final class Sums {
    private Sums() {}

    static Array64 add(Array64 x, Array64 y) {
        var sum = new double[x.size()];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = x.at(i) + y.at(i);
        }
        return Array64.of(x.shape(), sum);
    }
}
