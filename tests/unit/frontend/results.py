"""Results of analyses as the worker stores them, small and complete; larger where a test or an eye wants more."""

import base64
import math

from backend.contracts import results as r

FEW = r.Interval(low=None, high=None)


def interval(low: float, high: float) -> r.Interval:
    return r.Interval(low=low, high=high)


def spectrum(dilutions: tuple[float, ...] = (0.0, 0.8), num_modes: int = 5, index: int | None = 2) -> r.SpectrumResult:
    """Power laws that cross at `index`."""
    series = []
    for p0 in dilutions:
        mean = [100 * (mode / (index or 1)) ** (-2 + p0) for mode in range(1, num_modes + 1)]
        series.append(
            r.SpectrumSeries(
                initial_dilution=p0,
                num_replicas=3,
                mean=mean,
                std=[0.1 * value for value in mean],
                lowest=[0.8 * value for value in mean],
                highest=[1.3 * value for value in mean],
                marchenko_pastur=[20 * (1 - 0.9 * mode / num_modes) for mode in range(num_modes)],
            )
        )
    crossing = r.CrossingResult(
        index=index,
        interval=FEW if index is None else interval(index - 1, index + 1),
        spread=[0.1] * num_modes,
        first=2,
        last=num_modes // 2,
        reason="the order of the spectra does not turn" if index is None else None,
    )
    return r.SpectrumResult(series=series, crossing=crossing)


def collapse(alpha: float | None = 0.44, threshold: float | None = 0.64) -> r.CollapseResult:
    known = alpha is not None
    around = interval(0.41, 0.47) if known else FEW
    return r.CollapseResult(
        metric="quality",
        fit=r.CollapseFit(
            alpha=alpha,
            alpha_interval=around,
            threshold=threshold,
            threshold_interval=interval(0.63, 0.65) if known else FEW,
            width=0.08 if known else None,
            width_interval=interval(0.07, 0.1) if known else FEW,
            spread=0.002 if known else None,
            spread_unscaled=0.02 if known else None,
            level_spacing=0.05,
            initial_dilutions=[0.0, 0.4],
            num_replicas=[3, 3],
            left_out=[0.8],
            reason=None if known else "fewer than two curves fall to 1/2",
        ),
        line=r.HalfQualityLineResult(
            initial_dilutions=[0.0, 0.4],
            mean_points=[0.63, 0.83],
            num_replicas=[3, 3],
            num_missing=[0, 0],
            alpha=0.45,
            alpha_interval=around,
            threshold=0.64,
            threshold_interval=interval(0.62, 0.66),
            reason=None,
        ),
        transitions=[r.TransitionSeries(initial_dilution=0.0, start=[0.6], half=[0.63], end=[0.68], width=[0.08])],
    )


def paired(mean: float | None, n: int = 3) -> r.PairedResult:
    return r.PairedResult(
        n=n,
        mean=mean,
        std=0.01,
        t_interval=FEW if mean is None else interval(mean - 0.02, mean + 0.02),
        bootstrap_interval=FEW,
        p_value=None if mean is None else 0.25,
        p_value_less=0.125,
        exact=True,
        num_signs=2**n,
        reason="no pair has both values" if mean is None else None,
    )


def comparison(*pairs: tuple[float, float]) -> r.ComparisonResult:
    classes = {"reference": 0.99, "frozen": 0.1, "retrained": 0.96, "same_mask": 0.98}
    groups = [
        r.Group(machine_class=name, n=3, missing=int(name == "frozen"), mean=mean, std=0.01)
        for name, mean in classes.items()
    ]
    differences = {name: paired(round(mean - 0.99, 6)) for name, mean in classes.items() if name != "reference"}
    quantities = [
        r.Quantity(name="quality", label="Q at p", groups=groups, differences=differences),
        r.Quantity(
            name="half_quality_point",
            label="p where Q falls to 1/2",
            groups=groups,
            differences={**differences, "frozen": paired(None, 0)},
        ),
    ]
    return r.ComparisonResult(
        metric="quality",
        reference="reference",
        pairs=[
            r.PairComparison(initial_dilution=p0, pruning=p, quantities=quantities)
            for p0, p in pairs or [(0.0, 0.7), (0.4, 0.9)]
        ],
    )


def separation(p_value: float | None = 0.004) -> r.SeparationResult:
    return r.SeparationResult(
        classes=["frozen", "retrained", "reference"],
        num_points=[3, 3, 3],
        pseudo_f=None if p_value is None else 3.21,
        r_squared=0.42,
        within=[1.0, 1.0, 1.0],
        p_value=p_value,
        least_p_value=0.0036,
        num_permutations=9999,
        reason="all points are the same" if p_value is None else None,
    )


def representation(cells: dict[tuple[str, int], str] | None = None, num_replicas: int = 3) -> r.RepresentationResult:
    """Four panels; classes lie on three arcs. `cells`: the machine's cell of each class and replica."""
    own = cells or {}
    panels = []
    for features in ("weights", "couplings"):
        for reference in ("reference", "same_mask"):
            points = [
                r.MachinePoint(
                    machine_class=name,
                    replica=replica,
                    cell_id=own.get((name, replica), f"cell-{name}-{replica}"),
                    coordinates=[
                        math.cos(2 * place + replica / 9),
                        math.sin(2 * place + replica / 9),
                        replica / num_replicas,
                    ],
                )
                for place, name in enumerate(("frozen", "retrained", reference))
                for replica in range(num_replicas)
            ]
            pairs = [
                r.PairSeparationResult(
                    first="frozen", second=second, separation=separation(0.01), adjusted_p_value=0.03
                )
                for second in ("retrained", reference)
            ]
            panels.append(
                r.Panel(
                    features=features,
                    reference=reference,
                    points=points,
                    explained_variance_ratio=[0.41, 0.2, 0.1],
                    separation=separation(),
                    pairs=pairs,
                )
            )
    return r.RepresentationResult(initial_dilution=0.4, pruning=0.9, panels=panels)


def report() -> r.ReportResult:
    verdicts = {
        "Dilution before training up to p0 = 0.8 does not cost quality": ("holds", 0.991, None),
        "The curves of all p0 collapse with alpha = 0.5": ("does not hold", 0.44, interval(0.41, 0.47)),
        "Retrained machines are worse than machines trained at that sparsity from scratch": ("cannot tell", None, None),
    }
    claims = [
        r.Claim(
            claim=claim,
            source="Paper, section 4",
            found="mean Q = 0.991 at p0 = 0.8, lowest replica 0.987",
            criterion="mean Q is at least 0.9 and no replica is below 0.8",
            verdict=verdict,
            value=value,
            interval=around,
            num_replicas=3,
        )
        for claim, (verdict, value, around) in verdicts.items()
    ]
    return r.ReportResult(claims=claims, cautions=["There are 3 replicas of each machine: intervals are wide."])


def judge_card(num_levels: int = 4) -> r.JudgeCardResult:
    """Survival falls from 1 to 0 over the levels; Q follows it. Every image has the first and the last pixel."""
    levels = [
        r.JudgedLevel(
            machine_class="trained",
            initial_dilution=0.4,
            replica=replica,
            pruning=round(0.4 + 0.5 * at / num_levels, 3),
            unseen=replica == 1,
            survival=1 - at / num_levels,
            sort="intact" if at < num_levels / 2 else "between" if at == num_levels // 2 else "broken",
            quality=0.99 if at < num_levels / 2 else 0.5 if at == num_levels // 2 else 0.02,
        )
        for replica in range(2)
        for at in range(num_levels)
    ]
    image = base64.b64encode(bytes([128, *[0] * 96, 1])).decode()
    examination = r.ExaminationResult(
        test_images=0.998,
        test_digits=0.991,
        unseen_digits=0.997,
        unseen_broken=0.994,
        noise=0.001,
        black=0.0,
        one_stroke=0.02,
        num_test=10_000,
        num_unseen_digits=2048,
        num_unseen_broken=1024,
        num_unseen_levels=8,
    )
    return r.JudgeCardResult(
        judge="e" * 64,
        size_bytes=2_100_000,
        criterion="broken: less than a tenth of the correlations is left",
        recipe={"epochs": 4.0},
        num_machine_digits=5000,
        num_broken=4000,
        num_broken_levels=30,
        examination=examination,
        levels=levels,
        examples=[r.Examples(label=label, confidence=[0.98, 0.5], images=[image] * 2) for label in ("Digits", "Noise")],
    )
