package cloze.bench;

import java.util.Comparator;
import java.util.List;

/**
 * Where a training step of ours spends its time.
 *
 * @param ns of all steps
 */
record Profile(String label, List<ProfiledBackend.Total> totals, double ns, int steps) {
    private static final int SHOWN = 16;

    void print(Report report, Machine machine) {
        report.heading("Our kernels in " + label);
        report.columns("kernel", "calls", "ms a step", "share", "of peak");
        totals.stream()
                .sorted(Comparator.comparingDouble(ProfiledBackend.Total::ns).reversed())
                .limit(SHOWN)
                .forEach(total -> report.row(
                        total.kernel(),
                        Integer.toString(total.calls() / steps),
                        Report.number("%.1f", total.ns() / 1e6 / steps),
                        share(total.ns()),
                        total.flops() == 0 ? "" : machine.peakShare(total.flops() * total.calls(), total.ns())));
        double products = sum("mat_mul");
        double kernels = sum("");
        report.row(
                "all matrix multiplications", "", Report.number("%.1f", products / 1e6 / steps), share(products), "");
        report.row(
                "Java and the rest", "", Report.number("%.1f", (ns - kernels) / 1e6 / steps), share(ns - kernels), "");
        report.row("the step", "", Report.number("%.1f", ns / 1e6 / steps), share(ns), "");
    }

    private double sum(String prefix) {
        return totals.stream()
                .filter(total -> total.kernel().startsWith(prefix))
                .mapToDouble(ProfiledBackend.Total::ns)
                .sum();
    }

    private String share(double part) {
        return Report.number("%.1f %%", 100.0 * part / ns);
    }
}
